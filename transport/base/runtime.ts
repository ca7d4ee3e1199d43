/** Whether this runtime is Deno. On other runtimes, only the sockets of `node:net` and `node:tls` exist. */
export const onDeno: boolean = "Deno" in globalThis;

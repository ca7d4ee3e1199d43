/** Whether this is Deno, whose own sockets serve us; other runtimes bring those of `node:net` and `node:tls`. */
export const onDeno: boolean = "Deno" in globalThis;

import type { ReverseProxy } from "./reverse_proxy.ts";

/** HAProxy in the mode with a master process, which can reload. */
export const HAPROXY: ReverseProxy = {
  name: "HAProxy",
  command: "haproxy",
  versionArgs: ["-v"],
  http2: true,
  reload: "SIGUSR2",
  args: (file) => ["-W", "-db", "-f", file],
  config({ certificates, backend, steady, page, ports, idleTimeout }) {
    const crt = certificates.files.both;
    return `
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
frontend plain
  bind 127.0.0.1:${ports.plain}
  default_backend sockets
frontend tls
  bind 127.0.0.1:${ports.tls} ssl crt ${crt} alpn http/1.1
  default_backend sockets
frontend http2
  bind 127.0.0.1:${ports.http2} ssl crt ${crt} alpn h2
  http-request deny unless { req.ver -m str 2.0 }
  use_backend pages if { path_beg /browser/ }
  default_backend sockets
frontend idle
  bind 127.0.0.1:${ports.idle}
  default_backend idle_sockets
backend sockets
  server one 127.0.0.1:${backend}
backend idle_sockets
  timeout tunnel ${idleTimeout}s
  server one 127.0.0.1:${steady}
backend pages
  http-request replace-path /browser(/.*) \\1
  server one 127.0.0.1:${page}
`;
  },
};

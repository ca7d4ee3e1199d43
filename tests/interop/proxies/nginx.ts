import type { ReverseProxy } from "./reverse_proxy.ts";

/** nginx with the WebSocket configuration of its documentation. */
export const NGINX: ReverseProxy = {
  name: "nginx",
  command: "nginx",
  versionArgs: ["-v"],
  http2: false,
  reload: "SIGHUP",
  args: (file, folder) => ["-e", "stderr", "-p", folder, "-c", file],
  config({ folder, certificates, backend, steady, ports, idleTimeout }) {
    const { cert, key } = certificates.files;
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n");
    const server = (listen: string, port: number, timeout: number) => `
  server {
    listen 127.0.0.1:${listen};
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    location / {
      proxy_pass http://127.0.0.1:${port};
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout ${timeout}s;
      proxy_send_timeout ${timeout}s;
    }
  }`;
    return `
daemon off;
pid ${folder}/pid;
error_log stderr;
worker_processes 2;
events {}
http {
  access_log off;
${temporary}
  map $http_upgrade $connection_upgrade {
    default upgrade;
    "" close;
  }
${server(`${ports.plain}`, backend, 60)}
${server(`${ports.tls} ssl`, backend, 60)}
${server(`${ports.idle}`, steady, idleTimeout)}
}
`;
  },
};

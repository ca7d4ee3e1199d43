import type { ReverseProxy } from "./reverse_proxy.ts";

const MODULES = [
  "mpm_event",
  "authz_core",
  "proxy",
  "proxy_http",
  "proxy_wstunnel",
  "rewrite",
  "socache_shmcb",
  "ssl",
];

/** Apache with `upgrade=websocket` of mod_proxy_http, and mod_proxy_wstunnel behind TLS. */
export const APACHE: ReverseProxy = {
  name: "Apache",
  command: "apache2",
  versionArgs: ["-v"],
  http2: false,
  reload: "SIGUSR1",
  args: (file, folder) => ["-DFOREGROUND", "-d", folder, "-f", file],
  config({ folder, certificates, backend, steady, ports, idleTimeout }) {
    const modules = MODULES.map((name) =>
      `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`
    ).join("\n");
    const listen = [ports.plain, ports.tls, ports.idle]
      .map((port) => `Listen 127.0.0.1:${port}`).join("\n");
    const tls = `
  SSLEngine on
  SSLCertificateFile ${certificates.files.cert}
  SSLCertificateKeyFile ${certificates.files.key}`;
    return `
${modules}
ServerName localhost
PidFile ${folder}/pid
ErrorLog /dev/stderr
LogLevel warn
User www-data
Group www-data
Mutex pthread
StartServers 1
ServerLimit 8
ThreadsPerChild 25
MaxRequestWorkers 200
${listen}
<VirtualHost 127.0.0.1:${ports.plain}>
  ProxyPass / http://127.0.0.1:${backend}/ upgrade=websocket timeout=60
</VirtualHost>
<VirtualHost 127.0.0.1:${ports.tls}>${tls}
  ProxyPass / ws://127.0.0.1:${backend}/
</VirtualHost>
<VirtualHost 127.0.0.1:${ports.idle}>
  Timeout ${idleTimeout}
  ProxyPass / http://127.0.0.1:${steady}/ upgrade=websocket
</VirtualHost>
`;
  },
};

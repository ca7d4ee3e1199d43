import { output } from "../_support/child.ts";
import type { ForwardProxy } from "./forward_proxy.ts";

// Both have to be percent-encoded in the URL of a proxy.
const USER = "user@office";
const PASSWORD = "p%ss:word/1";
const HELPER = "/usr/lib/squid/basic_ncsa_auth";

/** Squid as one process, without a cache. */
export const SQUID: ForwardProxy = {
  name: "Squid",
  command: "squid",
  versionArgs: ["-v"],
  login: { user: USER, password: PASSWORD },
  args: (file) => ["-N", "-f", file],
  async config({ folder, port, credentials, targets }) {
    const users = `${folder}/users`;
    const { text } = await output("openssl", ["passwd", "-apr1", PASSWORD]);
    await Deno.writeTextFile(users, `${USER}:${text}`);
    const login = `
auth_param basic program ${HELPER} ${users}
auth_param basic children 1 startup=1 idle=1
auth_param basic realm tests
acl known proxy_auth REQUIRED
http_access deny !known`;
    return `
http_port 127.0.0.1:${port}
pid_filename none
access_log none
cache_log ${folder}/cache.log
cache_store_log none
cache deny all
coredump_dir ${folder}
shutdown_lifetime 0 seconds
pinger_enable off
netdb_filename none
acl target port ${targets.join(" ")}
http_access deny !target${credentials ? login : ""}
http_access allow all
`;
  },
};

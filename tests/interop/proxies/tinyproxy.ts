import type { ForwardProxy } from "./forward_proxy.ts";

// Its configuration allows no other characters.
const USER = "user.office";
const PASSWORD = "p-ss_w0rd";

/** Tinyproxy in the foreground. */
export const TINYPROXY: ForwardProxy = {
  name: "Tinyproxy",
  command: "tinyproxy",
  versionArgs: ["-v"],
  login: { user: USER, password: PASSWORD },
  args: (file) => ["-d", "-c", file],
  config({ folder, port, credentials, targets }) {
    return Promise.resolve(`
Listen 127.0.0.1
Port ${port}
Timeout 60
MaxClients 100
LogFile "${folder}/log"
LogLevel Warning
Allow 127.0.0.1
${targets.map((target) => `ConnectPort ${target}`).join("\n")}
${credentials ? `BasicAuth ${USER} ${PASSWORD}` : ""}
`);
  },
};

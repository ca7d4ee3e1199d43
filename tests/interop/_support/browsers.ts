import type { Browser } from "./browser_channel.ts";

/** Headless Chromium. */
export const CHROMIUM: Browser = {
  command: "chromium",
  args: (profile) => [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    `--user-data-dir=${profile}`,
  ],
};

/** Headless Firefox, restricted to the loopback interface. */
export const FIREFOX: Browser = {
  command: "firefox-esr",
  args: (profile) => ["--headless", "--no-remote", "--profile", profile],
  preferences: Object.entries({
    "app.normandy.enabled": false,
    "app.update.auto": false,
    "browser.safebrowsing.downloads.enabled": false,
    "browser.safebrowsing.malware.enabled": false,
    "browser.shell.checkDefaultBrowser": false,
    "datareporting.policy.dataSubmissionEnabled": false,
    "dom.disable_open_during_load": false,
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
    "toolkit.telemetry.enabled": false,
    // What is not loopback goes to a proxy that does not exist.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
  }).map(([name, value]) =>
    `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`
  ).join(""),
};

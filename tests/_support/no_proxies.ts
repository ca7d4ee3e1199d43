/**
 * Forgets the proxies that the environment of the tests names. Otherwise the runtime's WebSockets would go through them
 * even to this machine, and so would dials to names that no test may reach.
 *
 * @module
 */

for (const scheme of ["http", "https", "all", "ws", "wss", "no"]) {
  for (const name of [`${scheme}_proxy`, `${scheme}_proxy`.toUpperCase()]) {
    Deno.env.delete(name);
  }
}

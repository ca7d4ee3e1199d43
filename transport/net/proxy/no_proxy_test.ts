import { assertEquals } from "@std/assert";
import { isExempt } from "./proxy.ts";

/** A host, entries that exempt it, and entries that do not. */
const TABLE: readonly (readonly [
  host: string,
  exempt: readonly string[],
  not: readonly string[],
])[] = [
  [
    "far.example",
    [
      "*",
      "far.example",
      "FAR.Example",
      "far.example.",
      ".far.example",
      "*.far.example",
      "example",
      ".example",
      "far.example:80",
      "*:80",
      "a,far.example",
      "a, far.example ,b",
      "a far.example",
      "a\tb\nfar.example",
      ",,far.example,",
    ],
    [
      "",
      ",",
      ".",
      "ar.example",
      "a.far.example",
      "far.exampl",
      "far.example:81",
      "far.example:443",
      "*:81",
      "far.example/8",
      "https://far.example",
      "far*",
      "f*.example",
      "0.0.0.0/0",
      "::/0",
    ],
  ],
  ["a.far.example.", ["far.example", ".far.example", "a.far.example"], [
    "b.far.example",
  ]],
  ["xn--bcher-kva.example", ["b\u00fccher.example", "B\u00dcCHER.example"], [
    "bucher.example",
  ]],
  [
    "10.1.2.3",
    [
      "*",
      "10.1.2.3",
      "10.1.2.3:80",
      "10.0.0.0/8",
      "10.1.2.3/32",
      "10.1.2.0/24",
      "10.1.2.200/24",
      "0.0.0.0/0",
      "10.0.0.0/8:80",
    ],
    [
      "10.1.2.4",
      "10.1.2.3:81",
      "11.0.0.0/8",
      "10.1.3.0/24",
      "10.1.2.3/33",
      "10.1.2.3/",
      "10.1.2.3/x",
      "10.1.2",
      "2.3",
      ".2.3",
      "fd00::/8",
    ],
  ],
  [
    "[fd00::1]",
    [
      "*",
      "fd00::1",
      "[fd00::1]",
      "FD00:0::0:1",
      "[fd00::1]:80",
      "fd00::/8",
      "[fd00::]/8",
      "fd00::1/128",
      "::/0",
    ],
    [
      "fd00::2",
      "[fd00::1]:81",
      "fd00::1:80",
      "fe80::/10",
      "fd00::1/129",
      "fd00",
      "::1",
      "0.0.0.0/0",
    ],
  ],
];

for (const [host, exempt, not] of TABLE) {
  Deno.test(`no_proxy: ${host}`, () => {
    const url = new URL(`ws://${host}/`);
    for (const list of exempt) assertEquals(isExempt(url, list), true, list);
    for (const list of not) assertEquals(isExempt(url, list), false, list);
  });
}

Deno.test("no_proxy: the port is that of the URL, or of its scheme", () => {
  for (
    const [url, port] of [
      ["ws://a.example", "80"],
      ["wss://a.example", "443"],
      ["ws://a.example:8080", "8080"],
      ["wss://a.example:80", "80"],
    ]
  ) {
    for (const other of ["80", "443", "8080"]) {
      assertEquals(
        isExempt(new URL(url ?? ""), `a.example:${other}`),
        other === port,
      );
    }
  }
});

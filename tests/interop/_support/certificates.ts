import { output } from "./child.ts";

/** A certificate for `localhost` and 127.0.0.1, and the authority that signed it. */
export interface Certificates {
  /** The PEM files. `both` has the certificate and its key. */
  readonly files: {
    readonly cert: string;
    readonly key: string;
    readonly both: string;
  };
  /** The certificate of the authority. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = [
  ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
  ...["-nodes", "-sha256"],
];

/** Makes certificates that are valid for a day. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string) => `${folder}/${name}`;
  const extensions = path("extensions");
  await Deno.writeTextFile(
    extensions,
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
  );
  await openssl([
    ...["req", "-x509", "-days", "1", "-subj", "/CN=Authority of the tests"],
    ...NEW_KEY,
    ...["-keyout", path("ca.key"), "-out", path("ca.pem")],
  ]);
  await openssl([
    ...["req", "-subj", "/CN=localhost", ...NEW_KEY],
    ...["-keyout", path("key.pem"), "-out", path("request.pem")],
  ]);
  await openssl([
    ...["x509", "-req", "-days", "1", "-sha256", "-in", path("request.pem")],
    ...["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial"],
    ...["-extfile", extensions, "-out", path("cert.pem")],
  ]);
  const [ca, cert, key] = await Promise.all(
    ["ca.pem", "cert.pem", "key.pem"].map((name) =>
      Deno.readTextFile(path(name))
    ),
  ) as [string, string, string];
  await Deno.writeTextFile(path("both.pem"), cert + key);
  return {
    files: {
      cert: path("cert.pem"),
      key: path("key.pem"),
      both: path("both.pem"),
    },
    ca,
    cert,
    key,
  };
}

async function openssl(args: string[]): Promise<void> {
  const { success, text } = await output("openssl", args);
  if (!success) throw new Error(`openssl failed: ${text}`);
}

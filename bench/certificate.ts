/** A throw-away certificate for `localhost`, and who signed it. @module */

/** Paths of the certificate and its key, and the PEM to trust. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Makes one in `folder` by openssl. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const run = async (command: string) => {
    const { success, stderr } = await new Deno.Command("openssl", {
      args: command.split(" "),
      cwd: folder,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  await run(
    `req -x509 ${key} -keyout ca.key -out ca.pem -days 2 -subj /CN=bench`,
  );
  await Deno.writeTextFile(`${folder}/san`, "subjectAltName=DNS:localhost\n");
  await run(`req ${key} -keyout key.pem -out request.pem -subj /CN=localhost`);
  await run(
    "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile san",
  );
  return {
    cert: `${folder}/cert.pem`,
    key: `${folder}/key.pem`,
    ca: await Deno.readTextFile(`${folder}/ca.pem`),
  };
}

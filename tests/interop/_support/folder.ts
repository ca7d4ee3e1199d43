/** Every folder that exists, so that an interrupted run leaves none. */
const folders = new Set<string>();

/** Removes every folder. */
export function removeFolders(): void {
  for (const path of folders) Deno.removeSync(path, { recursive: true });
}

/** A temporary folder that a daemon without privileges can use. */
export class Folder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** Makes a folder. With the mode 0o777 every user may write to it. */
  static async make(mode = 0o755): Promise<Folder> {
    const path = await Deno.makeTempDir({ prefix: "interop-" });
    folders.add(path);
    await Deno.chmod(path, mode);
    return new Folder(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    folders.delete(this.path);
    // A program that was killed a moment ago may still write.
    await Deno.remove(this.path, { recursive: true }).catch(() => {});
  }
}

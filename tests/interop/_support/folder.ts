import { pause } from "./deadline.ts";

/** Every folder that exists, so that an interrupted run leaves none. */
const folders = new Set<string>();

/** Removes every folder. */
export async function removeFolders(): Promise<void> {
  for (const path of folders) await remove(path);
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
    await remove(this.path);
  }
}

async function remove(path: string): Promise<void> {
  // A program that was killed a moment ago may still write.
  for (let tries = 0; tries < 5; tries++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch {
      await pause(50);
    }
  }
}

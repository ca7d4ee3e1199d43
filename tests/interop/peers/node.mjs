import process from "node:process";
import { connect } from "./global.mjs";

export default { version: `Node.js ${process.versions.node}`, connect };

// The client in the terminal, which is the one in Rust, against the running stack.
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const vaults = mkdtempSync(join(tmpdir(), "tidings-vaults-"));
let built;

/** TIDINGS_CLI, or as the workspace builds it: with the features of all of it, so that little is built anew. */
function executable() {
  if (process.env.TIDINGS_CLI) return process.env.TIDINGS_CLI;
  if (!built) {
    const said = execFileSync("cargo", ["build", "--quiet", "--workspace", "--bin=tidings", "--message-format=json"], {
      cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"],
    });
    const messages = said.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    built = messages.findLast((message) => message.executable?.endsWith("tidings"))?.executable;
  }
  return built;
}

/** A device of a user in the terminal. */
export class Terminal {
  constructor(stack, user, device = "cli") {
    Object.assign(this, { stack, user, device });
  }

  async arguments() {
    const answer = await fetch(`${this.stack.oidcIssuer}/token`, { method: "POST", body: JSON.stringify({ user: this.user }) });
    const { access_token: token } = await answer.json();
    return ["--as", this.user, "--device", this.device, "--vaults", vaults, "--token", token, "--ws-url", this.stack.wsUrl, "--http-url", this.stack.httpUrl];
  }

  /** Runs a command to its end; what it prints. */
  async run(...command) {
    const given = [...command, ...(await this.arguments())];
    return new Promise((resolve, reject) => {
      execFile(executable(), given, { encoding: "utf8", timeout: 60_000 }, (error, stdout, stderr) => {
        if (error) reject(new Error(`tidings ${command.join(" ")}: ${stderr || error.message}`));
        else resolve(stdout);
      });
    });
  }

  /** The lines of JSON that a command prints. */
  async json(...command) {
    return (await this.run(...command, "--json")).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Starts a command; its lines as they come, and its end. */
  async start(...command) {
    const child = spawn(executable(), [...command, ...(await this.arguments())], { stdio: ["ignore", "pipe", "pipe"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    let failure = "";
    child.stderr.on("data", (data) => (failure += data));
    const ended = new Promise((resolve, reject) => {
      child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`tidings ${command.join(" ")}: ${failure}`))));
    });
    // Whoever waits for a line may not wait for the end.
    ended.catch(() => {});
    return { line: async () => (await lines.next()).value, ended, stop: () => child.kill() };
  }
}

/**
 * A stand-in for the few parts of `@std/log` that this project's tests and
 * examples use. It is not `@std/log`: it has its names and its types, not its code.
 */

const LEVELS = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

export type LevelName = keyof typeof LEVELS;
export type LogLevel = typeof LEVELS[LevelName];
export type FormatterFunction = (logRecord: LogRecord) => string;
export type GenericFunction = (...args: never[]) => unknown;

export interface LogRecordOptions {
  msg: string;
  args: unknown[];
  level: LogLevel;
  loggerName: string;
}

export class LogRecord {
  readonly msg: string;
  readonly level: number;
  readonly levelName: string;
  readonly loggerName: string;
  readonly #args: unknown[];
  readonly #datetime = new Date();

  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
  }

  get args(): unknown[] {
    return [...this.#args];
  }

  get datetime(): Date {
    return new Date(this.#datetime.getTime());
  }
}

export interface BaseHandlerOptions {
  formatter?: FormatterFunction;
}

export abstract class BaseHandler {
  formatter: FormatterFunction;
  #levelName: LevelName;

  constructor(levelName: LevelName, options?: BaseHandlerOptions) {
    this.#levelName = levelName;
    this.formatter = options?.formatter ??
      ((record) => `${record.levelName} ${record.msg}`);
  }

  get level(): LogLevel {
    return LEVELS[this.#levelName];
  }

  get levelName(): LevelName {
    return this.#levelName;
  }

  handle(logRecord: LogRecord): void {
    if (this.level <= logRecord.level) this.log(this.format(logRecord));
  }

  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  abstract log(msg: string): void;

  setup(): void {}

  destroy(): void {}
}

export interface ConsoleHandlerOptions extends BaseHandlerOptions {
  useColors?: boolean;
}

export class ConsoleHandler extends BaseHandler {
  constructor(levelName: LevelName, options: ConsoleHandlerOptions = {}) {
    super(levelName, options);
  }

  override log(msg: string): void {
    // deno-lint-ignore no-console -- the console is what this handler is for
    console.log(msg);
  }
}

export interface LoggerOptions {
  handlers?: BaseHandler[];
}

export class Logger {
  handlers: BaseHandler[];
  levelName: LevelName;
  readonly #loggerName: string;

  constructor(
    loggerName: string,
    levelName: LevelName,
    options: LoggerOptions = {},
  ) {
    this.#loggerName = loggerName;
    this.levelName = levelName;
    this.handlers = options.handlers ?? [];
  }

  get loggerName(): string {
    return this.#loggerName;
  }

  get level(): LogLevel {
    return LEVELS[this.levelName];
  }

  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  debug<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  debug(msg: unknown, ...args: unknown[]): unknown {
    return this.#log("DEBUG", msg, args);
  }

  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  info<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  info(msg: unknown, ...args: unknown[]): unknown {
    return this.#log("INFO", msg, args);
  }

  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  warn<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  warn(msg: unknown, ...args: unknown[]): unknown {
    return this.#log("WARN", msg, args);
  }

  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  error<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  error(msg: unknown, ...args: unknown[]): unknown {
    return this.#log("ERROR", msg, args);
  }

  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  critical<T>(
    msg: T extends GenericFunction ? never : T,
    ...args: unknown[]
  ): T;
  critical(msg: unknown, ...args: unknown[]): unknown {
    return this.#log("CRITICAL", msg, args);
  }

  #log(levelName: LevelName, msg: unknown, args: unknown[]): unknown {
    const level = LEVELS[levelName];
    const lazy = typeof msg === "function";
    if (this.level > level) return lazy ? undefined : msg;
    const value: unknown = lazy ? msg() : msg;
    const record = new LogRecord({
      msg: typeof value === "string" ? value : Deno.inspect(value),
      args,
      level,
      loggerName: this.#loggerName,
    });
    for (const handler of this.handlers) handler.handle(record);
    return value;
  }
}

export interface LoggerConfig {
  level?: LevelName;
  handlers?: string[];
}

export interface LogConfig {
  handlers?: { [name: string]: BaseHandler };
  loggers?: { [name: string]: LoggerConfig };
}

let handlers: BaseHandler[] = [];
let loggers = new Map<string, Logger>();
setup({
  handlers: { default: new ConsoleHandler("INFO") },
  loggers: { default: { level: "INFO", handlers: ["default"] } },
});

export function setup(config: LogConfig): void {
  for (const handler of handlers) handler.destroy();
  const named = config.handlers ?? {};
  handlers = Object.values(named);
  for (const handler of handlers) handler.setup();
  loggers = new Map();
  for (const [name, options] of Object.entries(config.loggers ?? {})) {
    const chosen = (options.handlers ?? []).flatMap((key) => named[key] ?? []);
    const level = options.level ?? "INFO";
    loggers.set(name, new Logger(name, level, { handlers: chosen }));
  }
}

export function getLogger(name: string = "default"): Logger {
  const known = loggers.get(name);
  if (known !== undefined) return known;
  const logger = new Logger(name, "NOTSET");
  loggers.set(name, logger);
  return logger;
}

export function getLevelName(level: LogLevel): LevelName {
  for (const [name, value] of Object.entries(LEVELS)) {
    if (value === level && isLevelName(name)) return name;
  }
  throw new Error(`Cannot name the level ${level} as it is unknown`);
}

function isLevelName(name: string): name is LevelName {
  return name in LEVELS;
}

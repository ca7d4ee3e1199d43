/** Whether an error says that the process or the system has no descriptors or no memory left, which is temporary. */
export function isShortage({ message }: Error): boolean {
  return /EMFILE|ENFILE|ENOBUFS|ENOMEM|too many open files|os error (?:12|23|24|105)\b/i
    .test(message);
}

// What the system said, in the words of a sentence.
import { getSystemErrorMessage } from "node:util"

/** As in "permission denied (EACCES)"; of an error that is not the system's, its message. */
export const wordsOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const { code, errno } = cause as NodeJS.ErrnoException // both are absent in other errors
  return code === undefined || errno === undefined ? cause.message : `${getSystemErrorMessage(errno)} (${code})`
}

export const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined // absent in other errors

/** pnpm as the README starts it: no pnpm needs to be installed. */
export const pnpm = ["npx", "-y", "pnpm@12.21.0"] as const

/** Unit: milliseconds. */
const LOOK = 250

/**
 * Whoever started this process reads its output. A Kong worker that was killed does not: another worker starts another plugin server,
 * and this one would stay for ever, with its connections and its dispatcher. It notices when it writes, so it writes when its parent
 * has changed; one whose output goes to a file or a service manager, and whose starter has just gone on, does not end by that.
 */
export function watchParent(write: (line: string) => void, orphaned: () => void): void {
  let parent = process.ppid
  process.stdout.on('error', orphaned)
  const look = setInterval(() => {
    if (process.ppid === parent) return
    write(`the process that started this one, ${parent}, has ended`)
    parent = process.ppid
  }, LOOK)
  look.unref()
}

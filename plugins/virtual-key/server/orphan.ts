/** Unit: milliseconds. */
const LOOK = 250

/**
 * Ends a plugin server whose Kong worker was killed. Another worker has started another plugin server by then, and this one would stay
 * for ever, with its connections and its dispatcher. The worker reads the output of this process, so after the worker's death a write
 * fails: a line is written when the parent has changed. If the output goes to a file or to a service manager, the line can be written,
 * and the process stays. A Kong that stops kills the parent while its worker still reads, so the line is written again, each time after
 * twice the pause.
 * @param write a line to standard output @param orphaned called when nobody reads it any more
 */
export function watchParent(write: (line: string) => void, orphaned: () => void): void {
  let parent = process.ppid
  let ended: number | undefined
  let pause = LOOK
  let due = 0
  process.stdout.on('error', orphaned)
  const look = setInterval(() => {
    const now = performance.now()
    if (process.ppid !== parent) {
      ended = parent
      parent = process.ppid
      pause = LOOK
      due = now
    }
    if (ended === undefined || now < due) return
    write(`the process that started this one, ${ended}, has ended`)
    due = now + pause
    pause *= 2
  }, LOOK)
  look.unref()
}

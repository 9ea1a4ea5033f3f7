/**
 * What the Node programs share: options, output lines, the end of stdin. See ../README.md for the contract.
 * Nothing here talks to Kafka.
 */
'use strict'

/** Longest wait for a record, an assignment or a broker, in milliseconds. */
const PATIENCE = 60_000
/** Error codes of a producer whose transactional id was taken: INVALID_PRODUCER_EPOCH, PRODUCER_FENCED. */
const FENCED = [47, 90]

function emit(line) {
  process.stdout.write(`${JSON.stringify(line, (_, each) => (typeof each === 'bigint' ? Number(each) : each))}\n`)
}

/** Whether a record with this key counts. */
function wants(options, key) {
  return options.prefixes.some(prefix => key.toString().startsWith(prefix))
}

/** Resolves when stdin ends: the sign to leave. */
function stdinEnded() {
  return new Promise(resolve => {
    process.stdin.on('end', resolve)
    process.stdin.resume()
  })
}

/** The protocol's error codes in an error and in those it was made of. */
function codes(error) {
  if (!error) return []
  const own = [error.apiCode, error.code].filter(code => Number.isInteger(code) && code > 0)
  const inner = [error.cause, ...(error.errors ?? []), ...Object.values(error.response?.errors ?? {})]
  return own.concat(inner.filter(each => each instanceof Error).flatMap(codes))
}

function isFenced(error) {
  return codes(error).some(code => FENCED.includes(code))
}

/** Collects records until there are enough; `take` is told each one and says what to print, `done` gives the offsets. */
class Count {
  constructor(options, print) {
    this.options = options
    this.print = print
    this.left = options.count
    this.after = new Map()
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.timer = setTimeout(() => reject(new Error(`${this.left} records do not come`)), PATIENCE)
    })
  }

  /** Takes one record; the client may hand out more than are wanted, which are left for the next one. */
  async take(partition, offset, key, record) {
    if (this.left === 0) return
    if (wants(this.options, key)) {
      this.left -= 1
      emit(await this.print(record))
    }
    this.after.set(partition, Number(offset) + 1)
    if (this.left === 0) {
      clearTimeout(this.timer)
      this.resolve(this.after)
    }
  }
}

/** Runs the verb of the command line. */
function main(verbs) {
  const [verb, options] = process.argv.slice(2)
  verbs[verb](JSON.parse(options))
    // Ends only when the last line is out.
    .then(() => process.stdout.write('{"done":true}\n', () => process.exit(0)))
    .catch(error => {
      console.error(error)
      process.exit(1)
    })
}

module.exports = { Count, codes, emit, isFenced, main, stdinEnded }

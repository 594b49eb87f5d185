// Runs all tests of the workspace: cargo builds the test programs, and this runs three of them at a time, the longest first. Most wait for
// L1 blocks, so that two leave the processors idle for half of their time.
//
//     node tests.mjs [ARGUMENT of each program...]
//
// The output of a program is printed when it has ended. Ends with an error, and names them, if tests failed.
import { spawn, spawnSync } from 'node:child_process'
import { dirname } from 'node:path'

/** Programs at a time. */
const AT_A_TIME = 3
/** Those that take minutes, the longest first; the others follow. */
const LONGEST = ['rollup', 'l1', 'clients', 'prover', 'conformance', 'hostile_rpc', 'geth', 'monitoring']

/** Those that need all processors, for themselves: a challenger's moves have their time, and a page is to be fast. */
const ALONE = ['dispute', 'page']

const cargo = process.env.CARGO ?? 'cargo'
const built = spawnSync(cargo, ['test', '--release', '--workspace', '--no-run', '--message-format=json-render-diagnostics'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  maxBuffer: 1 << 30,
})
if (built.status !== 0) process.exit(built.status ?? 1)
const artifacts = built.stdout.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line))
const programs = artifacts
  .filter(({ reason, profile, executable }) => reason === 'compiler-artifact' && profile.test && executable)
  .map(({ executable, target, manifest_path }) => ({ executable, folder: dirname(manifest_path), kind: target.kind[0], name: target.name }))
const place = ({ kind, name }) => (kind === 'test' && LONGEST.includes(name) ? LONGEST.indexOf(name) : LONGEST.length)
programs.sort((a, b) => place(a) - place(b))
if (programs.length === 0) throw new Error('cargo built no test programs')

const failed = []
const begun = Date.now()
const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1)
/** Runs a program as cargo would, to its end. */
function run({ executable, folder, kind, name }) {
  const start = Date.now()
  const what = `${kind} ${name} (${executable})`
  console.log(`     Starting ${what}`)
  return new Promise((done) => {
    const env = { ...process.env, CARGO_MANIFEST_DIR: folder }
    const child = spawn(executable, process.argv.slice(2), { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (data) => output.push(data))
    child.stderr.on('data', (data) => output.push(data))
    const end = (how) => {
      process.stdout.write(`\n     Output of ${what}\n${Buffer.concat(output)}     Ended ${name} after ${seconds(start)} s${how && `: ${how}`}\n`)
      if (how) failed.push(what)
      done()
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => end(code === 0 ? '' : `exit code ${code ?? signal}`))
  })
}
const isAlone = ({ kind, name }) => kind === 'test' && ALONE.includes(name)
for (const program of programs.filter(isAlone)) await run(program)
const left = programs.filter((program) => !isAlone(program))
const next = async () => {
  for (let program = left.shift(); program; program = left.shift()) await run(program)
}
await Promise.all(Array.from({ length: AT_A_TIME }, next))
// Examples are named by their lines, and nothing else is. (Asked for examples alone, cargo takes the contracts' comments for some.)
const documents = spawnSync(cargo, ['test', '--release', '--workspace', '--no-fail-fast', '--', '(line '], { stdio: ['ignore', 'inherit', 'inherit'] })
if (documents.status !== 0) failed.push('examples in documents')
console.log(`\ntests: all ended after ${seconds(begun)} s`)
if (failed.length > 0) {
  console.error(`error: these failed:\n    ${failed.join('\n    ')}`)
  process.exit(1)
}

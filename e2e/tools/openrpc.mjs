// OpenRPC documents, and what they say of a request and its result.
//
// The document is execution-apis', put together from the YAML files of a checkout whose folder EXECUTION_APIS names;
// fixtures/execution-apis.tar.gz has these.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import Ajv from 'ajv/dist/2019.js'
import * as yaml from 'js-yaml'

/** A document: its name, its methods by name, and its schemas by name. */
function load() {
  const checkout = process.env.EXECUTION_APIS
  if (!checkout) throw new Error('EXECUTION_APIS names no checkout of execution-apis')
  const found = { name: checkout, methods: [], schemas: {} }
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) visit(path)
      else if (entry.name.endsWith('.yaml')) {
        const content = yaml.load(readFileSync(path, 'utf8'))
        // Lists are methods; everything else is schemas, or groups of errors.
        if (Array.isArray(content)) found.methods.push(...content)
        else if (folder.endsWith('schemas')) Object.assign(found.schemas, content)
      }
    }
  }
  const source = join(checkout, 'src')
  if (!existsSync(source)) throw new Error(`${checkout} is no checkout of execution-apis`)
  visit(source)
  // The document calls these messages suggestions, and its own recorded cases have others.
  for (const { properties } of found.schemas.CallResultFailure.properties.error.oneOf) delete properties.message.pattern
  return found
}

const { name, methods, schemas } = load()
// References point into the document; each schema is one of its own here.
const local = (schema) =>
  JSON.parse(JSON.stringify(schema), (key, value) => (key === '$ref' ? value.replace(/^#\/components\/schemas\//, 'schema:') : value))
const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false })
for (const [id, schema] of Object.entries(schemas)) ajv.addSchema({ ...local(schema), $id: `schema:${id}` })

const compiled = new Map()
function validator(key, schema) {
  if (!compiled.has(key)) compiled.set(key, ajv.compile(local(schema)))
  return compiled.get(key)
}

export const document = name
/** Of its methods, one by its name. */
export const described = (method) => methods.find((found) => found.name === method)
export const names = methods.map((method) => method.name)

/** Where a result is not as the method's schema has it. */
export function violations(method, result) {
  const { schema } = described(method).result
  const check = validator(`${method} result`, schema)
  if (check(result)) return []
  // An empty list is as several of its schemas have it, which is nobody's mistake.
  const wrong = check.errors.filter(({ keyword, params }) => keyword !== 'oneOf' || params.passingSchemas === null)
  return wrong.map((error) => `${error.instancePath || '/'} ${error.message} ${JSON.stringify(error.params)}`)
}

/** Where parameters are not as the method's schemas have them: the test would ask for something else than it means. */
export function misasked(method, parameters) {
  const { params } = described(method)
  return params.flatMap(({ name, required, schema }, index) => {
    if (parameters[index] === undefined) return required ? [`${name} is missing`] : []
    const check = validator(`${method} ${index}`, schema)
    return check(parameters[index]) ? [] : check.errors.map((error) => `${name}${error.instancePath} ${error.message}`)
  })
}

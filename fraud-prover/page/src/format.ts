import { formatUnits } from 'viem'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 })

/** 1234567 → "1,234,567". */
export function int(value: number | bigint): string {
  return whole.format(value)
}

/** 1 → "1 block", 2 → "2 blocks". */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${int(value)} ${value === 1 ? one : many}`
}

/** 1234567 → "1.235 M". */
export function compact(value: number): string {
  const units: [number, string][] = [[1e9, ' G'], [1e6, ' M'], [1e4, ' k']]
  for (const [size, unit] of units) {
    if (Math.abs(value) >= size) return short.format(value / (size === 1e4 ? 1e3 : size)) + unit
  }
  return short.format(value)
}

export function percent(part: number, of: number): string {
  if (of <= 0) return '–'
  const value = (100 * part) / of
  if (value > 0 && value < 1) return '< 1 %'
  return `${Math.round(value)} %`
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`
  if (value < 1e6) return `${short.format(value / 1000)} kB`
  return `${short.format(value / 1e6)} MB`
}

/** A number from outside, or zero: what is not a number is no reason to show nothing at all. */
export function big(value: string | number | bigint | null | undefined): bigint {
  try {
    return BigInt(value ?? 0)
  } catch {
    return 0n
  }
}

/** At most four digits that count; the exact value belongs into a title. */
function digits(value: bigint, decimals: number): string {
  const exact = formatUnits(value, decimals)
  const rounded = Number(exact)
  if (Math.abs(rounded) >= 1000) return whole.format(rounded)
  return short.format(rounded)
}

/** Wei in the unit that people read best. */
export function ether(value: string | bigint | null | undefined): string {
  const wei = big(value)
  const size = wei < 0n ? -wei : wei
  if (size === 0n) return '0 ETH'
  if (size >= 10n ** 13n) return `${digits(wei, 18)} ETH`
  if (size >= 10n ** 5n) return `${digits(wei, 9)} gwei`
  return `${int(wei)} wei`
}

/** The exact amount, for a title. */
export function exactEther(value: string | bigint | null | undefined): string {
  const wei = big(value)
  return `${formatUnits(wei, 18)} ETH (${int(wei)} wei)`
}

/** A price of gas. */
export function price(value: string | bigint | null | undefined): string {
  const wei = big(value)
  if (wei !== 0n && wei < 10n ** 4n) return `${int(wei)} wei`
  return `${digits(wei, 9)} gwei`
}

/** An amount of a token with its decimals. */
export function units(value: bigint, decimals: number): string {
  return digits(value, Math.min(Math.max(decimals, 0), 77))
}

/** 0x1234…cdef. */
export function shorten(hex: string, head = 6, tail = 4): string {
  return hex.length <= head + tail + 3 ? hex : `${hex.slice(0, head)}…${hex.slice(-tail)}`
}

const SPANS: [number, string][] = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]

/** 3700 → "1 h 1 min": the two units that count. */
export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds))
  if (total === 0) return '0 s'
  const first = SPANS.findIndex(([size]) => total >= size)
  const [size, unit] = SPANS[first] ?? [1, 's']
  const next = SPANS[first + 1]
  const rest = next ? Math.floor((total % size) / next[0]) : 0
  return `${Math.floor(total / size)} ${unit}${next && rest > 0 ? ` ${rest} ${next[1]}` : ''}`
}

/** How long ago, in one unit. */
export function ago(time: number, now: number): string {
  const seconds = Math.floor(now - time)
  if (seconds < -5) return `in ${duration(-seconds)}`
  if (seconds < 3) return 'just now'
  const [size, unit] = SPANS.find(([span]) => seconds >= span) ?? [1, 's']
  return `${Math.floor(seconds / size)} ${unit} ago`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** 2026-11-30 15:24:35, in the reader's time zone. */
export function date(time: number): string {
  const at = new Date(time * 1000)
  if (Number.isNaN(at.getTime())) return '–'
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** The same for machines, in UTC. */
export function iso(time: number): string {
  const at = new Date(time * 1000)
  return Number.isNaN(at.getTime()) ? '' : at.toISOString()
}

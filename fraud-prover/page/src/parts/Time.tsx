import type { JSX } from 'preact'
import { ago, date, duration, iso } from '../format'
import { now } from '../live'

/** "3 min ago", with the exact time as its title. */
export function Ago({ time }: { time: number }): JSX.Element {
  return <time dateTime={iso(time)} title={date(time)}>{ago(time, now.value)}</time>
}

/** Both: the exact time first. */
export function When({ time }: { time: number }): JSX.Element {
  return <time dateTime={iso(time)} title={iso(time)}>{date(time)} <span class="soft">({ago(time, now.value)})</span></time>
}

interface Props { until: number; over?: string }

/** The time that is left, counting down by L1's clock. */
export function Countdown({ until, over = 'time is over' }: Props): JSX.Element {
  const left = until - now.value
  return (
    <time class="countdown" dateTime={iso(until)} title={date(until)}>
      {left > 0 ? duration(left) : over}
    </time>
  )
}

//! The metrics of the challenger.

use rollup::telemetry::Metric;

/// All of them.
pub const METRICS: &[Metric] = &[
    Metric::gauge("recourse_challenger_open_games", "", "Games that are not over."),
    Metric::gauge("recourse_challenger_wrong_roots", "", "Open games whose proposed root is wrong."),
    Metric::counter("recourse_challenger_wrong_roots_seen_total", "", "Wrong roots seen."),
    Metric::counter(
        "recourse_challenger_wrong_anchors_seen_total",
        "",
        "Anchors on L1 that this chain does not have.",
    ),
    Metric::gauge(
        "recourse_challenger_missing_versions",
        "",
        "Versions of the game, with games or scheduled, whose program or rules are not here.",
    ),
    Metric::gauge(
        "recourse_challenger_broken_machines",
        "",
        "Versions of the game whose step verifier L1 does not run rightly any more.",
    ),
    Metric::gauge("recourse_challenger_answers_due", "", "Answers to be made."),
    Metric::gauge(
        "recourse_challenger_least_clock_seconds",
        "",
        "Least time that is left for one of them; −1 without any.",
    ),
    Metric::counter("recourse_challenger_short_clocks_total", "", "Answers whose clock became short."),
    Metric::counter("recourse_challenger_missed_answers_total", "", "Answers that came too late."),
    Metric::counter("recourse_challenger_lost_games_total", "", "Wrong roots that stood."),
    Metric::counter("recourse_challenger_moves_total", "kind", "Moves made."),
    Metric::gauge("recourse_challenger_moves_in_flight", "", "Moves sent and not in a block yet."),
    Metric::counter(
        "recourse_challenger_failed_moves_total",
        "",
        "Moves that L1 refused or that were not sent.",
    ),
    Metric::counter(
        "recourse_challenger_unpaid_moves_total",
        "",
        "Moves that the account could not pay for.",
    ),
    Metric::counter("recourse_challenger_gas_total", "", "L1 gas of moves."),
    Metric::gauge("recourse_challenger_balance_eth", "", "The account's balance in ETH."),
    Metric::gauge(
        "recourse_challenger_reserve_eth",
        "",
        "What answers that decide a root can still cost, over all games, in ETH.",
    ),
    Metric::gauge(
        "recourse_challenger_balance_low",
        "",
        "1 while the balance is below the reserve, or below one whole dispute.",
    ),
    Metric::gauge(
        "recourse_challenger_withheld_answers",
        "",
        "Answers to freeloaders that wait, so that the reserve is not touched.",
    ),
    Metric::gauge("recourse_challenger_machine_seconds", "", "Time that the fault proof VM has run."),
    Metric::counter(
        "recourse_challenger_machine_failures_total",
        "",
        "Runs of the fault proof VM that failed or disagree with the node.",
    ),
    Metric::gauge(
        "recourse_challenger_disagreements",
        "",
        "Blocks about which the fault proof VM and the node disagree, and that nobody has looked at yet.",
    ),
    Metric::gauge(
        "recourse_challenger_l1_time",
        "",
        "Timestamp of L1's head when the games were last looked at.",
    ),
    Metric::counter("recourse_challenger_l1_reorgs_total", "", "L1 reorgs that undid events of games."),
    Metric::counter("recourse_challenger_failures_total", "", "Failed looks at L1."),
];

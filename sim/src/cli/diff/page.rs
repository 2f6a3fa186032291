//! A comparison of two nodes as a page that one can look at and pass on.

use serde_json::{Value, json};
use sockman_sim::page::filled;
use sockman_sim::places::live::{Outcome, aligned};

use super::{Bench, Counts, Judged, Relation, Side};

/// The page, but for its data.
const PAGE: &str = include_str!("page.html");

/// The page of all schedules.
pub(super) fn page(
    bench: &Bench<'_>,
    left: &[Side],
    right: &[Side],
    counts: &Counts,
    controls: &[String],
) -> String {
    let (files, schedules) = (&bench.files, &bench.schedules);
    let sides = left.iter().zip(right);
    let all = files.iter().zip(schedules).zip(sides).map(|((file, schedule), (left, right))| {
        let result = Judged::of(left, right);
        json!({
            "name": file.display().to_string(),
            "title": schedule.title.first(),
            "text": schedule.to_string(),
            "result": match &result {
                Judged::Compared(relation) => relation.name(),
                Judged::Skipped(_) => "skipped",
                Judged::NotRun(_) => "not run",
            },
            "told": result.to_string(),
            "pairs": pairs(&result, left, right),
        })
    });
    let arguments = bench.arguments;
    filled(
        PAGE,
        &json!({
            "left": arguments.left.to_string(),
            "right": arguments.right.to_string(),
            "times": arguments.times,
            "counts": counts.to_string(),
            "controls": controls,
            "schedules": all.collect::<Vec<_>>(),
        }),
    )
}

/// What is shown beside each other: the usual outcomes; where they vary, also every other one of a
/// side beside the first of that side.
fn pairs(result: &Judged, left: &Side, right: &Side) -> Vec<Value> {
    let Judged::Compared(relation) = result else { return Vec::new() };
    let mut pairs = vec![pair("left", &left.usual(), "right", &right.usual())];
    for (name, side) in [("left", left), ("right", right)] {
        let mut outcomes = side.outcomes.iter();
        let Some((first, times)) = outcomes.next() else { continue };
        let of_first = format!("{name}, {times} times");
        pairs.extend(outcomes.filter(|_| *relation != Relation::Same).map(|(other, times)| {
            pair(&of_first, first, &format!("{name}, {times} times"), other)
        }));
    }
    pairs
}

/// Two outcomes, connection by connection: rows of `[left, right]`, null where one side has none.
fn pair(left_name: &str, left: &Outcome, right_name: &str, right: &Outcome) -> Value {
    let mut names: Vec<_> = left.connections.keys().chain(right.connections.keys()).collect();
    names.sort();
    names.dedup();
    let connection = |name| {
        let lines = |outcome: &Outcome| outcome.connections.get(name).cloned().unwrap_or_default();
        let (left, right) = (lines(left), lines(right));
        let (actor, nth) = name;
        json!({ "name": format!("{actor}, connection {nth}"), "rows": aligned(&left, &right) })
    };
    let connections: Vec<_> = names.into_iter().map(connection).collect();
    json!({ "left": left_name, "right": right_name, "connections": connections })
}

//! What was found out, as text with a plot, and for scripts.

use std::fmt;

use serde_json::{Value, json};

use super::{End, Jump, Point, Why};
use crate::estimate::Estimate;

/// Columns between 0 and 100 %.
const COLUMNS: usize = 40;

impl fmt::Display for Why {
    /// A line for each prefix, its interval as a stroke; then the step that decides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = format!("0 %{:>width$}", "100 %", width = COLUMNS - 1);
        writeln!(f, "{:>8}  {:>12}  {:>9}  {scale}", "step", "time", "fail")?;
        for point in &self.curve {
            let Point { step, at, estimate } = point;
            let count = format!("{}/{}", estimate.hits, estimate.trials);
            let mark = if self.jump.as_ref().is_some_and(|jump| jump.step == *step) {
                " <-- decides"
            } else {
                ""
            };
            let (at, bar) = (at.to_string(), bar(*estimate));
            writeln!(f, "{step:>8}  {at:>12}  {count:>9}  |{bar}|{mark}")?;
        }
        self.tell_jump(f)?;
        let Self { certain_from, steps, runs, events, .. } = self;
        if *certain_from < *steps {
            writeln!(f, "from step {certain_from} of {steps} on, all that were tried fail")?;
        }
        let prefixes = self.curve.len() - 1;
        write!(f, "{runs} runs from {prefixes} prefixes, {events} socket events")?;
        match self.end {
            End::Found => Ok(()),
            End::Spent => f.write_str("; the budget is spent: --events allows more"),
            End::Stopped => f.write_str("; ended early"),
        }
    }
}

/// An interval as a stroke, the share that failed as a star in it.
fn bar(estimate: Estimate) -> String {
    let column = |thousandths: u32| thousandths as usize * COLUMNS / 1000;
    let (low, high) = estimate.interval();
    let star = column(estimate.thousandths());
    let letter = |place| match place {
        _ if place == star => '*',
        _ if column(low) <= place && place <= column(high) => '-',
        _ => ' ',
    };
    (0..=COLUMNS).map(letter).collect()
}

impl Why {
    fn tell_jump(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(jump) = &self.jump else {
            return match self.end {
                End::Found => writeln!(f, "it always fails: the script alone decides"),
                End::Spent | End::Stopped => writeln!(f, "no step is known yet that decides"),
            };
        };
        let Jump { step, at, before, after, what } = jump;
        let (verb, gap) = if self.end == End::Found {
            ("decides", String::new())
        } else {
            let earlier = self.curve.iter().rev().find(|point| point.step < *step);
            let earlier = earlier.map_or(0, |point| point.step);
            ("is after what decides", format!(" (somewhere after step {earlier})"))
        };
        writeln!(f, "step {step} at {at} {verb}{gap}: before it {before} fail, after it {after}")?;
        if !jump.is_clear() {
            writeln!(f, "  chance alone might make this of it: --runs tells more")?;
        }
        for line in what {
            writeln!(f, "  {}", line.trim_start())?;
        }
        Ok(())
    }

    /// For scripts; shares and intervals are in thousandths.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let estimate = |estimate: &Estimate| {
            let (low, high) = estimate.interval();
            json!({
                "failed": estimate.hits,
                "runs": estimate.trials,
                "low_thousandths": low,
                "high_thousandths": high,
            })
        };
        let point = |point: &Point| {
            let mut value = estimate(&point.estimate);
            value["step"] = point.step.into();
            value["at"] = point.at.to_string().into();
            value
        };
        let jump = |jump: &Jump| {
            json!({
                "step": jump.step,
                "at": jump.at.to_string(),
                "what": jump.what,
                "before": estimate(&jump.before),
                "after": estimate(&jump.after),
                "clear": jump.is_clear(),
            })
        };
        json!({
            "verdict": self.verdict.kind(),
            "steps": self.steps,
            "curve": self.curve.iter().map(point).collect::<Vec<_>>(),
            "jump": self.jump.as_ref().map(jump),
            "certain_from": self.certain_from,
            "runs": self.runs,
            "events": self.events,
            "end": match self.end {
                End::Found => "found",
                End::Spent => "spent",
                End::Stopped => "stopped",
            },
        })
    }
}

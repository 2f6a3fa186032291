//! What a page has in it, and what it does not need.

use super::*;
use crate::run::Options;
use crate::schedule::Schedule;
use crate::subjects::chart_named;
use sockman::time::Instant;

fn chart(script: &str) -> Chart {
    let schedule = Schedule::parse("test", &format!("format 1\n\n{script}")).unwrap();
    chart_named(&schedule, &Options::default()).unwrap().1
}

/// What a page shows.
fn data(page: &str) -> Value {
    let start = page.find("const data = ").unwrap() + "const data = ".len();
    let end = page[start..].find(";\n").unwrap();
    serde_json::from_str(&page[start..start + end]).unwrap()
}

/// The rows of a page: who, with whom, what.
fn rows(page: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = data(page)["rows"].as_array().unwrap().clone();
    rows.iter().map(|row| (text(&row[1]), text(&row[2]), text(&row[3]))).collect()
}

#[test]
fn page_has_what_was_done_what_passed_and_how_it_stood() {
    let chart = chart("0ms p1 dials\np1 sends version, verack, ping nonce=7\n+1s p1 closes\n");
    let page = chart.page("A <title>", "the schedule", "passed", false);
    let rows = rows(&page);
    for (kind, with, text) in [
        ("script", "", "p1 dials"),
        ("in", "p1", "SYN"),
        ("out", "p1", "SYN ACK"),
        ("actor", "p1", "connected"),
        ("node", "p1", "[socket] delivered accepted"),
        ("actor", "p1", "<- verack"),
        ("in", "p1", "FIN"),
    ] {
        let is_it =
            |row: &&(String, String, String)| row.0 == kind && row.1 == with && row.2 == text;
        assert!(rows.iter().any(|row| is_it(&row)), "{kind} {with} {text}: {rows:#?}");
    }
    let said = "version, verack, ping nonce=7";
    assert!(rows.iter().any(|row| row.0 == "in" && row.2.starts_with(said)), "{rows:#?}");
    let answered =
        |row: &&(String, String, String)| row.0 == "out" && row.2.contains("pong nonce=7");
    assert!(rows.iter().any(|row| answered(&row)), "{rows:#?}");
    let data = data(&page);
    assert_eq!(data["title"], "A <title>");
    assert_eq!(data["actors"], json!(["p1"]));
    let states: Vec<_> = data["states"].as_array().unwrap().iter().map(|s| s[1].clone()).collect();
    assert_eq!(states.first(), Some(&json!([])));
    assert!(states.iter().any(|state| state[0].as_str().is_some_and(|s| s.starts_with("p1  "))));
    assert_eq!(states.last(), Some(&json!([])), "it is closed at the end");
}

#[test]
fn page_needs_no_other_file_and_ends_where_it_should() {
    let page = chart("0ms p1 dials\n").page("</script><b>", "</script>", "passed", false);
    for needs in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(needs), "{needs}");
    }
    assert_eq!(page.matches("</script>").count(), 1, "what is shown ends no script");
    assert!(page.trim_end().ends_with("</html>"));
}

#[test]
fn page_of_a_long_run_has_its_beginning_and_its_end() {
    let mut chart = Chart::default();
    let entry =
        |n: usize| Entry { at: Instant::START, who: Who::Script, with: None, what: n.to_string() };
    let count = 3 * ROWS_MAX;
    (0..count).for_each(|n| chart.push(Row::Did(entry(n))));
    assert!(chart.row_count() <= ROWS_MAX);
    assert_eq!(chart.row_count() + chart.left_out, count);
    let page = chart.page("", "", "", true);
    let rows = rows(&page);
    assert_eq!(rows[ROWS_OF_THE_BEGINNING - 1].2, (ROWS_OF_THE_BEGINNING - 1).to_string());
    assert_eq!(rows[ROWS_OF_THE_BEGINNING].2, (ROWS_OF_THE_BEGINNING + chart.left_out).to_string());
    assert_eq!(rows.last().unwrap().2, (count - 1).to_string());
}

#[test]
fn what_is_no_message_is_shown_as_bytes() {
    let chart = chart("0ms p1 dials\np1 sends 30 bytes of version, the rest, 100 bytes of junk\n");
    let rows = rows(&chart.page("", "", "", false));
    let texts: Vec<_> = rows.iter().filter(|row| row.0 == "in").map(|row| &row.2[..]).collect();
    assert!(
        texts.iter().any(|text| text.ends_with(" bytes") || text.contains("a part")),
        "{texts:?}"
    );
}

//! The list of words and settings in corpus/README.md: it is what a script may say.

use std::collections::BTreeSet;

use sockman::rng::Seed;

use super::settings::{ANY, ANY_V2};
use super::*;
use crate::lexicon::Setting;
use crate::subject::{Setup, Subject as _};
use crate::subjects::connman::Connman;

const PAGE: &str = include_str!("../../../../../corpus/README.md");

fn section(title: &str) -> &'static str {
    let section = PAGE.split("\n## ").find(|section| section.starts_with(title));
    section.unwrap_or_else(|| panic!("the page has no section {title}"))
}

/// Words in backticks, at their first places.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// A row of the table, up to the column for people.
fn rows(name: &str, settings: &[Setting]) -> Vec<String> {
    let row = |Setting { key, takes }: &Setting| format!("| {name} | `{key}` | {takes} ");
    settings.iter().map(row).collect()
}

#[test]
fn every_setting_of_a_message_is_on_the_page_with_what_it_takes() {
    let mut names: Vec<_> = NAMES.to_vec();
    names.extend(Speaker::vocabulary().iter().filter(|name| !NAMES.contains(name)));
    names.extend(LISTS.iter().filter(|name| !NAMES.contains(name)));
    names.sort_unstable();
    names.dedup();
    names.push("key");
    let of_one = |name: &&str| rows(&format!("`{name}`"), said_with(name)[0]);
    let mut expected: BTreeSet<_> = names.iter().flat_map(of_one).collect();
    expected.extend(rows("any", &ANY));
    expected.extend(rows("any, in v2", &ANY_V2));
    let lines = section("Words of the connection manager").lines();
    let is_row = |line: &&str| line.starts_with('|') && line.contains('`');
    // The last column is for people.
    let front = |row: &str| row.rsplitn(3, '|').nth(2).expect("four columns").to_owned();
    let found: BTreeSet<_> = lines.filter(is_row).map(front).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_message_that_can_be_heard_is_on_the_page() {
    let words = section("Words of the connection manager");
    let heard = words.split("**Heard.**").nth(1).unwrap().split("**Told.**").next().unwrap();
    let expected = NAMES.iter().copied().chain(V2_NAMES).chain([OTHER, "length", "nonce"]);
    assert_eq!(quoted(heard), expected.collect());
}

#[test]
fn every_command_is_on_the_page() {
    let told = section("Words of the connection manager").split("**Told.**").nth(1).unwrap();
    let refused = Connman::command(&Word::plain("dance")).unwrap_err();
    let told = told.replace('`', "").replace('\n', " ");
    assert!(told.contains(&refused.expected), "{}", refused.expected);
}

#[test]
fn every_setting_of_the_node_is_on_the_page() {
    let settings = [("colour".to_owned(), "blue".to_owned())];
    let setup = Setup { settings: &settings, seed: Seed::new([0; 32]) };
    let expected = Connman::tenant(&setup).unwrap_err().expected;
    let known = expected.replace("one of ", "").replace("and of the host's: ", "");
    assert_eq!(quoted(section("The node's settings")), known.split(", ").collect());
}

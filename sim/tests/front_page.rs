//! What the front page shows is what is there.

const PAGE: &str = include_str!("../../README.md");
const EXAMPLE: &str = include_str!("../examples/own_protocol.rs");

#[test]
fn the_excerpt_of_the_example_stands_in_the_example() {
    let excerpt = PAGE.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let indented = excerpt.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("    {line}\n"),
    });
    let indented: String = indented.collect();
    assert!(EXAMPLE.contains(&indented), "it shows\n{indented}");
    assert!((10..=20).contains(&excerpt.lines().count()), "its core, on a front page");
}

use super::super::Schedule;
#[test]
fn t() {
    let t = "# A partial send leaves write interest armed.\n# Source: B006.\nformat 1\nnode     max-inbound 8\n\n0ms      p1 dials from 203.0.113.7:40000\n         p1 sends version, verack\n# why\n+10ms    p1 stops reading\n         p1 sends ping x200\nfault    node's next send to p1 takes 40 bytes\n+1s      p1 reads again\nexpect   p1 receives pong x200, in order, within 1s\nexpect   node keeps p1\n\norder    before node handles verack from p1 for the 2nd time: run opener\norder    before node's 2nd send to p1: run timers\norder    at node's 2nd recv from p1: gets 40 bytes\n";
    let v = Schedule::parse("x.case", t).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(v.to_string(), t);
    v.check().unwrap();
    let e = Schedule::parse("corpus/x.case", &t.replace("stops", "stopps")).unwrap_err();
    println!("{e}");
}

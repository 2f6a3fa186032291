//! The virtual disk and a real one: the same operations have the same results, and leave the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use sockman::driver::OsFiles;
use sockman::files::{
    Access, FileCompletion, FileName, FileOp, FileOpId, FileRequest, FileResult, Files, Part,
};
use sockman_sim::files::{Disk, VirtualFiles};

use super::{Nobody, Place};

fn name() -> impl Strategy<Value = FileName> {
    prop::sample::select(vec!["a", "b", "a.tmp"]).prop_map(FileName::fixed)
}

fn op() -> impl Strategy<Value = FileOp> {
    let access = prop::sample::select(vec![Access::Owner, Access::Default]);
    let part = prop::collection::vec(any::<u8>(), 0..40);
    let part = (part, any::<prop::sample::Index>()).prop_map(|(bytes, from)| {
        let from = from.index(bytes.len() + 1);
        Part::new(bytes.into()).after(from)
    });
    prop_oneof![
        1 => (name(), 0..100_usize).prop_map(|(name, bytes_max)| FileOp::Read { name, bytes_max }),
        1 => (name(), 0..60_u64, 0..60_usize)
            .prop_map(|(name, offset, bytes_max)| FileOp::ReadAt { name, offset, bytes_max }),
        3 => (name(), access).prop_map(|(name, access)| FileOp::Create { name, access }),
        6 => (name(), part).prop_map(|(name, part)| FileOp::Append { name, part }),
        1 => (name(), 0..60_u64).prop_map(|(name, length)| FileOp::Truncate { name, length }),
        1 => name().prop_map(|name| FileOp::Sync { name }),
        2 => (name(), name()).prop_map(|(from, to)| FileOp::Rename { from, to }),
        1 => name().prop_map(|name| FileOp::Remove { name }),
        1 => Just(FileOp::SyncFolder),
    ]
}

fn carry_out_real(files: &mut OsFiles, request: FileRequest) -> FileResult {
    files.begin(request.clone()).unwrap();
    let FileCompletion { id, result } = files.wait().unwrap();
    assert_eq!(id, request.id);
    result
}

fn carry_out_virtual(files: &mut VirtualFiles, request: FileRequest) -> FileResult {
    files.begin(request.clone()).unwrap();
    assert_eq!(files.take_completed(), None, "it is not carried out before its step");
    assert!(files.step());
    let FileCompletion { id, result } = files.take_completed().unwrap();
    assert_eq!(id, request.id);
    result
}

proptest! {
    #![proptest_config(Config {
        cases: 100,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    })]

    #[test]
    fn virtual_disk_does_what_a_real_one_does(ops in prop::collection::vec(op(), 1..60)) {
        let place = Place::new();
        let mut real = OsFiles::open(&place.0, Nobody).unwrap();
        let mut mock = VirtualFiles::new(Disk::new());
        for (id, op) in (0..).map(FileOpId).zip(ops) {
            let request = FileRequest { id, op };
            let on_disk = carry_out_real(&mut real, request.clone());
            prop_assert_eq!(carry_out_virtual(&mut mock, request), on_disk);
            mock.disk().check_invariants();
            let seen = mock.disk().iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec()));
            prop_assert_eq!(seen.collect::<BTreeMap<_, _>>(), place.contents());
        }
        // A process that is killed loses nothing that was carried out.
        let before = mock.disk().clone();
        mock.kill();
        prop_assert_eq!(mock.disk(), &before);
    }
}

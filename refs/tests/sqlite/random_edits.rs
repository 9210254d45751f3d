use std::collections::BTreeMap;

use gix_hash::ObjectId;
use proptest::prelude::*;
use refs::RefName;
use refs::sqlite::{Action, Edit, Expected, RefKind, list};
use rusqlite::Connection;

use crate::store::{app, apply, assert_unbroken, edit, id, line, log, name, open};

const NAMES: [&str; 4] = ["channels/beta", "channels/stable", "releases/1.0", "staging/1.0/linux"];

type Model = BTreeMap<RefName, ObjectId>;

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let expected = prop_oneof![
        3 => Just(Expected::Any),
        1 => Just(Expected::MustNotExist),
        2 => (0..3u8).prop_map(|release| Expected::MustExistAndMatch(id(release))),
    ];
    let new = proptest::option::weighted(0.8, 0..3u8);
    let edit = (proptest::sample::select(&NAMES[..]), expected, new)
        .prop_map(|(name, expected, new)| edit(name, expected, new));
    proptest::collection::vec(edit, 0..4)
}

/// What the refs are to be after the edits; `None` if they are to be refused.
fn predict(model: &Model, edits: &[Edit]) -> Option<Model> {
    let mut after = model.clone();
    let mut seen = Vec::new();
    for edit in edits {
        let actual = model.get(&edit.name).copied();
        let is_taken = edit.name.is_create_only() && actual.is_some() && edit.new != actual;
        if is_taken || seen.contains(&&edit.name) || !edit.expected.is_met_by(actual) {
            return None;
        }
        seen.push(&edit.name);
        match edit.new {
            Some(new) => after.insert(edit.name.clone(), new),
            None => after.remove(&edit.name),
        };
    }
    Some(after)
}

fn read(conn: &Connection) -> Model {
    let refs = list(conn, &app(), RefKind::All).expect("readable");
    refs.into_iter().map(|found| (found.name, found.target)).collect()
}

fn count_lines(conn: &Connection) -> usize {
    NAMES.iter().map(|text| log(conn, &name(text)).len()).sum()
}

proptest! {
    #[test]
    fn edits_do_what_a_map_does_and_each_reflog_is_a_chain(
        rounds in proptest::collection::vec(edits(), 1..30)
    ) {
        let mut conn = open();
        let mut model = Model::new();
        let mut lines = 0;
        for edits in rounds {
            let predicted = predict(&model, &edits);
            let applied = apply(&mut conn, &edits, &line(Action::Promote, 0));
            prop_assert_eq!(applied.is_ok(), predicted.is_some(), "{:?}", applied);
            model = predicted.unwrap_or(model);
            lines += applied.iter().flatten().filter(|change| !change.is_noop()).count();
            prop_assert_eq!(read(&conn), model.clone());
            prop_assert_eq!(count_lines(&conn), lines);
        }
        for text in NAMES {
            assert_unbroken(&conn, &name(text));
        }
    }
}

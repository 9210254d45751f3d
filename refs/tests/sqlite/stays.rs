use refs::sqlite::{stays, was_at};

use crate::store::{app, id, name, open, put};

#[test]
fn a_release_was_where_channels_were_moved_to_it_until_they_moved_on() {
    let mut conn = open();
    put(&mut conn, "channels/beta", Some(1), 0);
    put(&mut conn, "channels/beta", Some(2), 10);
    put(&mut conn, "channels/stable", Some(1), 20);
    put(&mut conn, "channels/beta", Some(1), 30);
    put(&mut conn, "channels/stable", None, 40);
    put(&mut conn, "releases/1.0", Some(1), 50);
    let told = |release, limit| -> Vec<String> {
        let found = stays(&conn, &app(), id(release), limit).unwrap();
        let seconds = |entry: &refs::sqlite::ReflogEntry| entry.at.strftime("%M:%S").to_string();
        let tell = |stay: &refs::sqlite::Stay| {
            let until = stay.ended.as_ref().map_or("now".to_owned(), seconds);
            format!("{} {} to {until}", stay.name, seconds(&stay.began))
        };
        found.iter().map(tell).collect()
    };
    let all = ["channels/beta 00:30 to now", "channels/stable 00:20 to 00:40", "channels/beta 00:00 to 00:10"];
    assert_eq!(told(1, 10), all);
    assert_eq!(told(1, 2), all[..2]);
    assert_eq!(told(2, 10), ["channels/beta 00:10 to 00:30"]);
    assert_eq!(told(3, 10), [""; 0]);
    assert!(was_at(&conn, &app(), &name("channels/stable"), id(1)).unwrap());
}

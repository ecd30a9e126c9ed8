//! Which texts are a password, at the wire.

use crate::support::{Bench, Client, password, unique};
use serde_json::{Value, json};

/// Of `123456`.
const PBKDF2: &str = "$pbkdf2-sha256$i=1000,l=128$e8/arsEf4cvQihdNgqj0Nw$5xQQKNTyeTHx2Ld5/JDE7A";
/// Of `test`, with rounds that take a third of a second and with a long password many times that.
const SHA512_CRYPT: &str = "$sha512-crypt$rounds=656000$3LVbIAVxR//cRajw$uuNasMW.RYxlGzIRFU1Was70BPSa933AjxhZIGJdJBOlqJAHlgqa0yuiuq5JHF/ryNGryJkj87G9i3G2HPSXg1";

async fn with_credentials(bench: &Bench, credentials: Value) -> String {
    let email = format!("{}@example.org", unique("password"));
    bench.create(json!({"email": email}), credentials).await;
    email
}

/// The status of a login, and the number of hashes.
async fn login(bench: &Bench, app: &Client<'_>, email: &str, secret: &str) -> (u16, Value) {
    let answer = app.post(&app.begin("").await, &password(email, secret)).await;
    (answer.status, bench.logged(&answer)["hashes"].clone())
}

#[tokio::test]
async fn password_with_nul_is_wrong() {
    let bench = Bench::new().await;
    let app = bench.app();
    let email = with_credentials(&bench, json!({"hashed_password": PBKDF2})).await;
    for variant in ["123456\0", "123456\x00123456"] {
        assert_eq!(login(&bench, &app, &email, variant).await, (400, json!(1)), "{variant:?}");
        assert_eq!(login(&bench, &app, "unknown@example.org", variant).await, (400, json!(1)), "{variant:?}");
    }
    assert_eq!(login(&bench, &app, &email, "123456").await.0, 200, "the owner is not locked out");
    let traits = json!({"email": format!("{}@example.org", unique("nul"))});
    let body =
        json!({"schema_id": "user", "traits": traits, "credentials": {"password": {"config": {"password": "pw\0"}}}});
    let refused = bench.admin().post("/admin/identities", &body).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert_eq!(refused.json()["error"]["reason"], "The password contains a NUL character, which no login takes.");
}

#[tokio::test]
async fn composed_and_decomposed_passwords_are_equal() {
    let bench = Bench::new().await;
    let app = bench.app();
    let (composed, decomposed) = ("cl\u{e9} de bras", "cle\u{301}\u{a0}de bras");
    for set in [composed, decomposed] {
        let email = with_credentials(&bench, json!({"password": set})).await;
        for typed in [composed, decomposed] {
            assert_eq!(login(&bench, &app, &email, typed).await.0, 200, "{set:?}, {typed:?}");
        }
        let wrong = login(&bench, &app, &email, "cl\u{e8} de bras").await;
        assert_eq!(wrong, (400, json!(2)));
        assert_eq!(login(&bench, &app, "unknown@example.org", "cl\u{e8} de bras").await, wrong);
    }
    // MD5 of the decomposed text, from a system that does not normalise passwords.
    let email = with_credentials(&bench, json!({"hashed_password": "$md5$D35ZDJf6OUAPD4KU6FMLpw=="})).await;
    assert_eq!(login(&bench, &app, &email, decomposed).await.0, 200, "the text that was hashed");
    assert_eq!(login(&bench, &app, &email, composed).await.0, 200, "and any other of the same password after that");
}

#[tokio::test]
async fn long_wrong_password_costs_one_hash() {
    let bench = Bench::new().await;
    let app = bench.app();
    let email = with_credentials(&bench, json!({"hashed_password": SHA512_CRYPT})).await;
    let long = "x".repeat(1000);
    let wrong = login(&bench, &app, &email, &long).await;
    assert_eq!(wrong.0, 400);
    assert_eq!(login(&bench, &app, "unknown@example.org", &long).await, (400, json!(1)));
    assert_eq!(wrong.1, json!(1), "today's hash, or the time of it");
}

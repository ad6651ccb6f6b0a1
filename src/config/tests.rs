//! The rules of the configuration, given sources instead of a process.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::*;

const SECRET: &str = "correct-horse-battery-staple-0123456789";
const ENCRYPTION_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn layer(settings: &[(&str, &str)]) -> Layer {
    settings.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn environment(settings: &[(&str, &str)]) -> Sources {
    Sources { environment: layer(settings), ..Sources::default() }
}

fn development(settings: &[(&str, &str)]) -> Sources {
    let mut sources = environment(settings);
    sources.environment.insert("NODE_ENV".into(), "development".into());
    sources
}

fn production(settings: &[(&str, &str)]) -> Sources {
    let mut sources =
        environment(&[("JWT_SECRET_KEY", SECRET), ("DATA_ENCRYPTION_KEY", ENCRYPTION_KEY)]);
    sources.environment.extend(layer(settings));
    sources
}

fn refused(sources: &Sources) -> Vec<String> {
    Config::load(sources).unwrap_err().iter().map(ToString::to_string).collect()
}

fn keys_refused(sources: &Sources) -> BTreeSet<String> {
    Config::load(sources).unwrap_err().into_iter().map(|problem| problem.key).collect()
}

#[test]
fn development_needs_no_setting_at_all() {
    let config = Config::load(&development(&[])).unwrap();

    assert_eq!(config.server.ports(), [8888]);
    assert_eq!(config.server.public_url.as_str(), "http://localhost:8888");
    assert_eq!(config.database.url.expose(), "sqlite://latido.db?mode=rwc");
    assert!(config.server.cors_origin.allows("http://localhost:5173"));
    assert_eq!(config.identity.password_min_score, 0);
    assert!(config.identity.jwt_secret.expose().len() >= 32);
}

#[test]
fn a_development_secret_lasts_for_one_start() {
    let secret = || Config::load(&development(&[])).unwrap().identity.jwt_secret;

    assert_ne!(secret().expose(), secret().expose());
}

#[test]
fn production_is_the_default_and_needs_its_secrets() {
    let refused = keys_refused(&environment(&[]));

    assert_eq!(refused, ["DATA_ENCRYPTION_KEY", "JWT_SECRET_KEY"].map(String::from).into());
    let config = Config::load(&production(&[])).unwrap();
    assert!(config.server.is_production());
    assert!(!config.server.cors_origin.allows("http://localhost:5173"));
    assert_eq!(config.identity.password_min_score, 2);
}

#[test]
fn production_refuses_what_is_only_safe_in_development() {
    let refused = keys_refused(&production(&[
        ("AUTH_DEV_BYPASS", "true"),
        ("PAYMENTS_MODE", "mock"),
        ("DATA_ENCRYPTION_KEY", values::EncryptionKey::DEVELOPMENT),
    ]));

    let expected = ["AUTH_DEV_BYPASS", "DATA_ENCRYPTION_KEY", "PAYMENTS_MODE"];
    assert_eq!(refused, expected.map(String::from).into());
}

#[test]
fn the_demo_is_development_and_never_production() {
    let demo = Sources { is_demo: true, ..Sources::default() };
    assert!(!Config::load(&demo).unwrap().server.is_production());

    let insisting = Sources { is_demo: true, ..production(&[("NODE_ENV", "production")]) };
    assert_eq!(refused(&insisting), ["NODE_ENV must be development for serve --demo"]);
}

#[test]
fn every_problem_is_reported_at_once_and_no_value_is_shown() {
    let refused = refused(&development(&[
        ("PORT", "70000-oops"),
        ("EXTRA_PORTS", "4000,oops"),
        ("CORS_ORIGIN", "oops"),
        ("TRUSTED_PROXIES", "10.0.0.0/oops"),
        ("DATABASE_URL", "mysql://root:oops@db/x"),
        ("JWT_SECRET_KEY", "oops"),
        ("SERVICE_API_KEYS", "billing:oops"),
        ("DATA_ENCRYPTION_KEY", "oops"),
        ("TLS_CERT_FILE", "/oops.pem"),
        ("LIVEKIT_API_KEY", "oops"),
        ("DB_POOL_MIN", "20"),
        ("WS_PING_INTERVAL_MS", "0"),
        ("OTEL_SAMPLE_RATIO", "1.5"),
        ("USE_LIVEKIT", "oops"),
        ("SMTP_URL", "oops"),
        ("NODE_ID", "oops oops"),
    ]));

    assert_eq!(refused.len(), 17, "{refused:#?}");
    assert!(refused.iter().all(|line| !line.contains("oops")), "{refused:#?}");
    assert!(refused.contains(&"PORT must be a whole number from 1 to 65535".to_owned()));
    assert!(refused.contains(&"TLS_KEY_FILE must be set together with TLS_CERT_FILE".to_owned()));
    assert!(refused.contains(&"DB_POOL_MIN must not be greater than DB_POOL_MAX".to_owned()));
}

#[test]
fn a_printed_configuration_shows_no_secret() {
    let config = Config::load(&production(&[
        ("DATABASE_URL", "postgres://latido:hidden@db/latido"),
        ("SERVICE_API_KEYS", &format!("billing:hidden-{SECRET}")),
        ("SMTP_URL", "smtp://user:hidden@mail:587"),
    ]))
    .unwrap();

    let printed = format!("{config:?}");

    assert!(!printed.contains("hidden"));
    assert!(!printed.contains(SECRET));
}

#[test]
fn an_earlier_source_wins() {
    let mut sources = development(&[("PORT", "1001")]);
    sources.add_dotenv("PORT=1002\nREGION='south'\nDB_POOL_MAX=7\n# a comment\n");
    sources.add_toml(
        "port = 1003\nregion = \"north\"\ndb_pool_min = 3\nextra_ports = [4000, \"8000-8001\"]",
    );

    let config = Config::load(&sources).unwrap();

    assert_eq!(config.server.ports(), [1001, 4000, 8000, 8001]);
    assert_eq!(config.cluster.region, "south");
    assert_eq!((config.database.pool_min, config.database.pool_max), (3, 7));
}

#[test]
fn a_key_set_to_nothing_has_its_default() {
    let mut sources = development(&[("PORT", ""), ("REDIS_URL", " ")]);
    sources.add_dotenv("PORT=1002");

    let config = Config::load(&sources).unwrap();

    assert_eq!(config.server.port, 8888);
    assert!(config.cluster.redis_url.is_none());
}

#[test]
fn aliases_name_the_same_setting_and_must_agree() {
    let config = Config::load(&environment(&[
        ("LATIDO_ENV", "development"),
        ("SECRET_KEY", SECRET),
        ("JWT_SECRET", SECRET),
        ("NEXT_PUBLIC_USE_MOCK_VIDEO", "true"),
    ]))
    .unwrap();
    assert_eq!(config.identity.jwt_secret.expose(), SECRET);
    assert!(config.media.use_mock_video);

    let other = SECRET.to_uppercase();
    let disagreeing = development(&[("JWT_SECRET_KEY", SECRET), ("SECRET_KEY", &other)]);
    assert_eq!(
        refused(&disagreeing),
        ["SECRET_KEY must equal JWT_SECRET_KEY, which is set as well"]
    );
}

#[test]
fn a_secret_may_come_from_a_file() {
    let read_file = |path: &Path| match path.to_str() {
        Some("/run/secrets/jwt") => Ok(format!("{SECRET}\n")),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let from = |settings| Sources { read_file, ..development(settings) };

    let config = Config::load(&from(&[("JWT_SECRET_FILE", "/run/secrets/jwt")])).unwrap();
    assert_eq!(config.identity.jwt_secret.expose(), SECRET);

    assert_eq!(
        refused(&from(&[("JWT_SECRET_KEY_FILE", "/nowhere"), ("NODE_ENV", "production")])),
        ["JWT_SECRET_KEY_FILE names a file that cannot be read: entity not found"]
    );
    assert_eq!(
        refused(&from(&[("JWT_SECRET", SECRET), ("JWT_SECRET_FILE", "/run/secrets/jwt")])),
        ["JWT_SECRET and JWT_SECRET_FILE are both set"]
    );
}

#[test]
fn postgres_parts_make_a_database_address() {
    let parts =
        [("POSTGRES_USER", "latido"), ("POSTGRES_PASSWORD", "p@ss/word"), ("POSTGRES_HOST", "db")];
    let config = Config::load(&development(&parts)).unwrap();
    assert_eq!(config.database.url.expose(), "postgres://latido:p%40ss%2Fword@db:5432/latido");

    assert_eq!(
        keys_refused(&development(&[("POSTGRES_PASSWORD", "p")])),
        ["POSTGRES_USER".to_owned()].into()
    );
}

#[test]
fn legacy_stands_for_the_ports_of_the_services_before_latido() {
    let config = Config::load(&development(&[("EXTRA_PORTS", "legacy, 8888, 9000")])).unwrap();

    assert_eq!(
        config.server.ports(),
        [8888, 3005, 4000, 4312, 8000, 8001, 8002, 8003, 8004, 8005, 8006, 9000]
    );
}

#[test]
fn a_typo_in_the_file_is_found() {
    let mut sources = development(&[("PROT", "an unknown variable is nobody's business")]);
    sources.add_toml("prot = 1\nPORT = 2\njwt_secret_key_file = \"/nowhere\"\n[server]\nport = 3");

    let keys = keys_refused(&sources);

    assert_eq!(keys, ["JWT_SECRET_KEY_FILE", "PORT", "prot", "server"].map(String::from).into());
}

#[test]
fn a_file_that_cannot_be_parsed_is_named_by_line_only() {
    let mut sources = development(&[]);
    sources.add_dotenv("PORT=1\nthis is hunter2\n");
    sources.add_toml("port = 1\njwt_secret_key = hunter2\n");

    assert_eq!(
        refused(&sources),
        [".env is not KEY=value in line 2", "LATIDO_CONFIG is not TOML in line 2"]
    );
}

#[test]
fn the_example_lists_every_key_and_nothing_else() {
    let example =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example")).unwrap();
    let listed: Vec<_> = example
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();

    let known: Vec<_> = std::iter::once(CONFIG_FILE)
        .chain(SECTIONS.iter().flat_map(|(_, keys)| keys.iter().map(|key| key.name)))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn the_example_says_what_the_code_says() {
    let example =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example")).unwrap();

    for key in SECTIONS.iter().flat_map(|(_, keys)| *keys) {
        let entry =
            format!("# {}\n# Default: {}\n{}=", key.doc.trim(), key.default_text(), key.name);
        let entry = match key.aliases {
            [] => entry,
            aliases => {
                entry.replacen('\n', &format!("\n# Also read as {}.\n", aliases.join(", ")), 1)
            }
        };
        assert!(example.contains(&entry), "missing: {entry}");
    }
}

#[test]
fn a_bad_client_is_named_by_its_place_and_never_shown() {
    let good = r#"{"client_id":"a","name":"A","redirect_uris":["https://a.example/cb"]}"#;
    let with = |more: &str| good.replace('}', &format!(",{more}}}"));
    for (text, rule) in [
        ("oops".to_owned(), "is wrong at .: not a JSON array of clients"),
        (format!("[{good},{{}}]"), "is wrong at [1]: missing field `client_id`"),
        (format!("[{}]", with(r#""secret":"oops""#)), "unknown field `secret`"),
        (format!("[{}]", with(r#""client_secret":"oops""#)), "must have at least 32 characters"),
        (format!("[{}]", with(r#""client_secret":["oops"]"#)), "is wrong at [0].client_secret"),
        (format!("[{good},{good}]"), "is wrong at [1]: client_id must be another"),
        (format!("[{}]", good.replace("https", "http")), "addresses must be https"),
    ] {
        let refused = refused(&development(&[("OIDC_CLIENTS", &text)]));
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(
            refused[0].starts_with("OIDC_CLIENTS ") && refused[0].contains(rule),
            "{refused:?}"
        );
        assert!(!refused[0].contains("oops"), "{refused:?}");
    }

    let clients = format!("[{good}]");
    let settings = [("OIDC_CLIENTS", clients.as_str()), ("PUBLIC_URL", "http://id.example")];
    assert_eq!(keys_refused(&production(&settings)), ["PUBLIC_URL".to_owned()].into());
    assert!(Config::load(&production(&settings[..1])).is_ok());
}

#[test]
fn a_copy_of_the_example_is_a_configuration_for_development() {
    let mut sources = Sources::default();
    sources.add_dotenv(include_str!("../../.env.example"));

    assert_eq!(Config::load(&sources).map(|_| ()), Ok(()));
}

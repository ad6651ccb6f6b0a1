//! Rebuilds when a migration appears: `sqlx::migrate!` embeds a folder that cargo does not watch.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}

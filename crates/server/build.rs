//! Embeds the page anew whenever a file of it comes or goes; the embedding itself only notices files that it knows.

fn main() {
    println!("cargo::rerun-if-changed=assets");
}

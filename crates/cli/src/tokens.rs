//! The commands about API tokens. They write to the data folder; a server that runs on it sees the change at once.

use std::time::SystemTime;

use crate::{
    args::{Role, Token},
    data,
    exit::Exit,
    failure::Failure,
    output::{Item, Output, TokenRow},
    work,
};

pub(crate) fn run(command: Token) -> Result<(), Failure> {
    work::block_on(async {
        match command {
            Token::Create { name, role, data } => {
                let store = data::open(data).await?;
                let role = match role {
                    Role::Viewer => longshore_store::Role::Viewer,
                    Role::Operator => longshore_store::Role::Operator,
                    Role::Admin => longshore_store::Role::Admin,
                };
                let token = store.create_token(&name, role, SystemTime::now().into()).await?;
                store.close().await;
                show(Output::human(), &Item::Text(token.reveal().to_owned()))
            }
            Token::List { json, data } => {
                let store = data::open(data).await?;
                let tokens = store.tokens().await?;
                store.close().await;
                let row = |token: longshore_store::TokenInfo| TokenRow {
                    name: token.name,
                    role: token.role.as_str().to_owned(),
                    created: token.created_at,
                    last_used: token.used_at,
                };
                show(
                    Output::choose(json),
                    &Item::Tokens(tokens.into_iter().map(row).collect()),
                )
            }
            Token::Revoke { name, data } => {
                let store = data::open(data).await?;
                let revoked = store.revoke_token(&name).await?;
                store.close().await;
                if revoked {
                    return Ok(());
                }
                Err(Failure::new(Exit::NotFound, format!("there is no token {name}"))
                    .hint("`longshore token list` shows them"))
            }
        }
    })?
}

fn show(mut output: Output, item: &Item) -> Result<(), Failure> {
    output.show(item)?;
    Ok(output.finish()?)
}

//! The `login-init-api` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(login_init_api::App::start, |app, request| {
        Box::pin(login_init_api::handle(app, request))
    })
    .await
}

//! The `login-submit` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(login_submit::App::start, |app, request| Box::pin(login_submit::handle(app, request)))
        .await
}

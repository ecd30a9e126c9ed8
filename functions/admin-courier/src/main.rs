//! The `admin-courier` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(admin_courier::App::start, |app, request| Box::pin(admin_courier::handle(app, request)))
        .await
}

//! Amazon SES for e-mail and Amazon SNS for text messages.
//!
//! Neither is asked twice in one attempt: they know no key by which a second request is recognised as the first, so whether a
//! message is sent again is for the courier to decide, who counts.

use crate::mail::Head;
use crate::send_error::SendError;
use crate::templates::Rendered;
use aws_sdk_sesv2::error::ProvideErrorMetadata;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use aws_sdk_sns::types::MessageAttributeValue;
use latchkey_config::Courier;
use latchkey_core::courier::QueuedMessage;
use latchkey_platform::{Environment, StartError, aws_client};
use lettre::message::Mailbox;
use std::time::Duration;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) struct Ses {
    client: aws_sdk_sesv2::Client,
    head: Head,
    configuration_set: Option<String>,
}

impl Ses {
    /// Gets SES ready in the region of `courier.ses.region`, else of the function.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub(crate) fn new(courier: &Courier, from: Mailbox, env: &Environment) -> Result<Self, StartError> {
        Ok(Self {
            client: aws_client!(aws_sdk_sesv2, env, "AWS_ENDPOINT_URL_SESV2", courier.ses_region.as_deref(), tries: 1, each: PATIENCE, all: PATIENCE)?,
            head: Head::new(courier, from)?,
            configuration_set: courier.ses_configuration_set.clone(),
        })
    }

    pub(crate) async fn send(&self, queued: &QueuedMessage, rendered: &Rendered) -> Result<(), SendError> {
        let incomplete = |_| SendError::Refused("the e-mail is incomplete".to_owned());
        let part = |text: &str| Content::builder().data(text).charset("UTF-8").build().map_err(incomplete);
        let mut body = Body::builder().text(part(&rendered.text)?);
        if let Some(html) = &rendered.html {
            body = body.html(part(html)?);
        }
        let mut message = Message::builder().subject(part(&rendered.subject)?).body(body.build());
        // SES gives each message an id of its own, and takes no other.
        for (name, value) in self.head.in_ascii() {
            message = message.headers(MessageHeader::builder().name(name).value(value).build().map_err(incomplete)?);
        }
        let answer = self
            .client
            .send_email()
            .from_email_address(self.head.sender())
            .destination(Destination::builder().to_addresses(&queued.recipient).build())
            .content(EmailContent::builder().simple(message.build()).build())
            .set_configuration_set_name(self.configuration_set.clone())
            .send()
            .await;
        answer.map(drop).map_err(|error| match failure(&error, "SES") {
            // What is wrong with the message stays wrong. Everything else may be put right: a quota, a policy, an identity.
            Failure::Code(code @ ("MessageRejected" | "BadRequestException"), text) => {
                let hint = if code == "MessageRejected" {
                    " (in the sandbox SES sends to verified addresses only; the sender must be verified too)"
                } else {
                    ""
                };
                SendError::Refused(format!("{text}{hint}"))
            }
            Failure::Code(code, text) if is_throttling(code) => throttled(text, error.message()),
            Failure::Code(_, text) | Failure::Other(text) => SendError::Retry(text),
        })
    }
}

pub(crate) struct Sns {
    client: aws_sdk_sns::Client,
    sender_id: Option<String>,
}

impl Sns {
    /// Gets SNS ready in the region of `courier.sns.region`, else of the function.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub(crate) fn new(courier: &Courier, env: &Environment) -> Result<Self, StartError> {
        Ok(Self {
            client: aws_client!(aws_sdk_sns, env, "AWS_ENDPOINT_URL_SNS", courier.sns_region.as_deref(), tries: 1, each: PATIENCE, all: PATIENCE)?,
            sender_id: courier.sns_sender_id.clone(),
        })
    }

    pub(crate) async fn send(&self, queued: &QueuedMessage, rendered: &Rendered) -> Result<(), SendError> {
        let text = |value: &str| {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            value.map_err(|_| SendError::Refused("the text message is incomplete".to_owned()))
        };
        // Transactional messages cost more, but promotional ones may arrive after the code has expired.
        let mut call = self
            .client
            .publish()
            .phone_number(&queued.recipient)
            .message(rendered.text.trim_end())
            .message_attributes("AWS.SNS.SMS.SMSType", text("Transactional")?);
        if let Some(sender) = &self.sender_id {
            call = call.message_attributes("AWS.SNS.SMS.SenderID", text(sender)?);
        }
        call.send().await.map(drop).map_err(|error| match failure(&error, "SNS") {
            Failure::Code("InvalidParameter" | "InvalidParameterValue" | "ValidationException", text) => {
                SendError::Refused(text)
            }
            Failure::Code(code, text) if is_throttling(code) => throttled(text, error.message()),
            Failure::Code(_, text) | Failure::Other(text) => SendError::Retry(text),
        })
    }
}

/// Names that the services have for too many requests at once, as the SDKs know them.
fn is_throttling(code: &str) -> bool {
    const NAMES: [&str; 8] = [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "Throttled",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "LimitExceededException",
    ];
    NAMES.contains(&code)
}

/// SES has one name for a rate that is too high and for a day's quota that is used up; only the former passes in seconds.
fn throttled(text: String, message: Option<&str>) -> SendError {
    match message {
        Some(message) if message.to_lowercase().contains("daily") => {
            SendError::Retry(format!("{text}: the day's quota is used up"))
        }
        _ => SendError::Busy { why: text, wait: None },
    }
}

enum Failure<'a> {
    Code(&'a str, String),
    Other(String),
}

/// What may be told of a failure: its code. Messages of the services quote addresses.
fn failure<'a, E: ProvideErrorMetadata>(error: &'a SdkError<E>, service: &str) -> Failure<'a> {
    match error {
        SdkError::ServiceError(answer) => match answer.err().code() {
            Some(code) => Failure::Code(code, format!("{service} answered {code}")),
            None => Failure::Other(format!("{service} answered {}", answer.raw().status().as_u16())),
        },
        SdkError::TimeoutError(_) => Failure::Other(format!("{service} takes too long")),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Failure::Other(format!("{service} takes too long"))
        }
        SdkError::ConstructionFailure(_) => {
            Failure::Code("BadRequestException", format!("{service} cannot be asked for this"))
        }
        _ => Failure::Other(format!("{service} cannot be reached")),
    }
}

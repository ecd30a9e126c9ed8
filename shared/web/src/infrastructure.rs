//! Cookies of infrastructure: load balancers, content delivery networks, firewalls against bots.
//!
//! It sets them on every answer and expects them back, so a native app that keeps cookies sends them as a browser does. They say nothing
//! about the client, and sign no client in.

/// Names, and beginnings of names, with the product that sets them.
const COOKIES: &[(&str, Name)] = &[
    // AWS: Application Load Balancer, Classic Load Balancer, WAF.
    ("AWSALB", Name::Whole),
    ("AWSALBCORS", Name::Whole),
    ("AWSALBTG", Name::Whole),
    ("AWSALBTGCORS", Name::Whole),
    ("AWSALBAPP-", Name::Beginning),
    ("AWSELB", Name::Whole),
    ("AWSELBCORS", Name::Whole),
    ("aws-waf-token", Name::Whole),
    // Azure: App Service, Application Gateway, Front Door.
    ("ARRAffinity", Name::Whole),
    ("ARRAffinitySameSite", Name::Whole),
    ("TiPMix", Name::Whole),
    ("x-ms-routing-name", Name::Whole),
    ("ApplicationGatewayAffinity", Name::Whole),
    ("ApplicationGatewayAffinityCORS", Name::Whole),
    ("ASLBSA", Name::Whole),
    ("ASLBSACORS", Name::Whole),
    // Google Cloud: external and internal load balancers, Cloud Run.
    ("GCLB", Name::Whole),
    ("GCILB", Name::Whole),
    ("GAESA", Name::Whole),
    // Cloudflare (contract `login-flow.md` 8.5).
    ("__cf", Name::Beginning),
    ("_cf", Name::Beginning),
    ("cf_", Name::Beginning),
    // Imperva.
    ("visid_incap_", Name::Beginning),
    ("incap_ses_", Name::Beginning),
    ("incap_wrt_", Name::Beginning),
    ("nlbi_", Name::Beginning),
    ("reese84", Name::Whole),
    // Akamai.
    ("ak_bmsc", Name::Whole),
    ("bm_", Name::Beginning),
    ("_abck", Name::Whole),
    ("akaalb_", Name::Beginning),
    ("AKA_A2", Name::Whole),
    // Other load balancers: F5, NetScaler, Oracle, DigitalOcean, Hetzner, Heroku, Alibaba, ingress-nginx, HAProxy.
    ("BIGipServer", Name::Beginning),
    ("TS01", Name::Beginning),
    ("NSC_", Name::Beginning),
    ("X-Oracle-BMC-LBS-Route", Name::Whole),
    ("DO-LB", Name::Whole),
    ("HCLBSTICKY", Name::Whole),
    ("heroku-session-affinity", Name::Whole),
    ("acw_tc", Name::Whole),
    ("INGRESSCOOKIE", Name::Whole),
    ("SERVERID", Name::Whole),
    // Other firewalls: DataDome, Sucuri, FortiWeb, Barracuda.
    ("datadome", Name::Whole),
    ("sucuri_cloudproxy_uuid_", Name::Beginning),
    ("cookiesession1", Name::Whole),
    ("BNI_", Name::Beginning),
    ("BNES_", Name::Beginning),
];

/// How much of a cookie's name an entry above has.
enum Name {
    Whole,
    Beginning,
}

/// Whether a cookie is one of these.
pub(crate) fn owns(cookie: &str) -> bool {
    COOKIES.iter().any(|(name, part)| match part {
        Name::Whole => cookie == *name,
        Name::Beginning => cookie.starts_with(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infrastructure_cookies_are_recognised() {
        for theirs in [
            "AWSALBTGCORS",
            "AWSALBAPP-0",
            "ARRAffinity",
            "GCLB",
            "__cf_bm",
            "cf_clearance",
            "incap_ses_1_2",
            "BIGipServerpool",
        ] {
            assert!(owns(theirs), "{theirs}");
        }
        for other in
            ["", "a", "ory_kratos_session", "csrf_token_01", "AWSALBX", "awsalb", "JSESSIONID", "my__cf_bm", "session"]
        {
            assert!(!owns(other), "{other}");
        }
    }
}

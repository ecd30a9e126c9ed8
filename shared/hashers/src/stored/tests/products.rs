//! Hashes as their products publish them, or as the products' libraries made them of [`PASSWORD`], in the form of an import.

use super::fits;

/// The password of the libraries' hashes.
pub(super) const PASSWORD: &str = "three-keys-on-a-ring";

/// Source and hash.
const MADE: &[(&str, &str)] = &[
    ("openssl passwd -1", "$md5-crypt$x.Zk3/9q$mtXfErRGdfRwri0Csfd8S."),
    ("passlib 1.7.4, md5_crypt", "$md5-crypt$5pZSV9va$x1mtLOE4cLLtPjcMo29YT."),
    ("openssl passwd -5, no rounds written", "$sha256-crypt$x.Zk3/9q$MXZ/57QYju/hBGYmCXbPpunwde6sy1ygSBsA/CtQdc5"),
    ("passlib, sha256_crypt", "$sha256-crypt$rounds=12000$rasmuslerdorf$PIPugrAn15ApUlSYJBionGdi2tBBF/b8vwBPO5HhsHB"),
    ("passlib, sha256_crypt without salt", "$sha256-crypt$rounds=1000$$qMdcQgzS9o/DTN8Ks89zLfsFKCQLPVLuRexc7K/YdjA"),
    (
        "openssl passwd -6, no rounds written",
        "$sha512-crypt$x.Zk3/9q$pGZU1gGeVSDIRvLGOddTIbhTDBan.X0HalJ/ODM4aUUoAMfMBLVHaMY2Hw5LGMkSG05kux9XCdbLuEJiYHvDL/",
    ),
    (
        "passlib, sha512_crypt, no rounds written",
        "$sha512-crypt$saltstring$5D/XSzpFysToAyoXyp5EwH3OrRmHgMSOoawtdas1PC01RwmH/UvYewxggBjJrKYd1AXFwQ4P45SjBm/NNwVk.0",
    ),
    ("Python's bcrypt", "$2b$04$abcdefghijklmnopqrstuu3hwWhXipMm.zdb4rWtrAa2bFI743wCC"),
    ("argon2-cffi", "$argon2id$v=19$m=64,t=2,p=1$Wq9wFBM3EKV5/SXzOf7AOQ$MMemUySmIBGGJWTZIWk6/hQRw9M0jKZup5OKngAmd8w"),
    (
        "Django, pbkdf2_sha256",
        "$pbkdf2-sha256$i=1500,l=32$c2Vhc2FsdDAxMjM0NTY3ODlhYmNkZQ$MJsb01LhQkowIf7p935pCt47lXTF3FbJ+IYw01hgTcc",
    ),
    (
        "ASP.NET Core Identity's parameters",
        "$pbkdf2-sha512$i=100000,l=32$AAECAwQFBgcICQoLDA0ODw$Pxma+0u4jwoQKIrudl5NlBGt6CKVUostd8n+hiXrXfU",
    ),
    (
        "Python's hashlib, SHA-2",
        "$pbkdf2-sha224$i=1000,l=28$AAECAwQFBgcICQoLDA0ODw$XJJ6wU6I2UaXJ9MWN20Vom1r9OEH6HjaEjsJiQ",
    ),
    (
        "Python's hashlib, SHA-2",
        "$pbkdf2-sha384$i=1000,l=48$AAECAwQFBgcICQoLDA0ODw$nkxgcf9aq9CLBRmc7eTjy1HDJDHKODs7pODvpkpCpe02ynhPIVjE8bEAE7Z2NxrB",
    ),
    (
        "Python's hashlib, SHA-3",
        "$pbkdf2-sha384$i=1000,l=48$AAECAwQFBgcICQoLDA0ODw$LQwdBKf5nVHuBwV41CWvdexalQw7mOaUA4cgmVgZ6lSJcbhlsqCrdPe+1tb6xno/",
    ),
    (
        "Django, scrypt",
        "$scrypt$ln=1024,r=8,p=5$c2Vhc2FsdHNlYXNhbHRzZWFzYWx0MQ==$UmcGJk3tNOuiEwgS7j6xiPe9I283WyNwnW/YRJoSMuOyEx3Im5OAaZoAXeWO0eoXz8OpKFNEDcqVHWSQrJmfdQ==",
    ),
    (
        "Werkzeug, scrypt",
        "$scrypt$ln=1024,r=8,p=1$WE14OFdOWFpsZG5XbzFvSA==$sB5eahBYK+GxdXQMQly7L8W11wUKURMJ3DuvzMaBF9y5+rqEl3JBMGYyDBTrUnOobNFoEZNNEDWmXIh8TDxq0w==",
    ),
    (
        "better-auth's parameters, Node's scrypt",
        "$scrypt$ln=16384,r=16,p=1$MDAwMTAyMDMwNDA1MDYwNzA4MDkwYTBiMGMwZDBlMGY=$erm9PUjp/nQjFfEAp7QRW2L+A28ZQdUCT+5iM7AbcRSoX5JW4CPZY26HjRrfOuQCq8sp3j7oEbHw9JN5GniOTQ==",
    ),
    ("passlib, ldap_salted_sha1", "{SSHA}SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMhIQ=="),
    ("passlib, ldap_salted_sha256", "{SSHA256}VUefworGhMT12wI0iK3iHGQ2uZW7p2Frk8R6FVK3+L84Ynl0ZXMhIQ=="),
    (
        "passlib, ldap_salted_sha512",
        "{SSHA512}sKj4Q20Vv1YGpGvqNEIEc2cVK4Qd9DTM8U6r4oI/PFmFDVjymC+XG3aFj3W1UTRNpP+0nCdqRUOQS+emwzhv2jhieXRlcyEh",
    ),
    ("salt before password", "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$TmFDbA==$75HiOnG1UCFSB3j6n87lC9po8iA="),
    ("no salt", "$sha1$pf=e1BBU1NXT1JEfQ==$$QYQaBWilkHGyk/r32PqfufnHtWo="),
    (
        "salt before password",
        "$sha256$pf=e1NBTFR9e1BBU1NXT1JEfQ==$TmFDbA==$b9dzLbEDuFQNl6nwY0T5Zf658ZCRADda4X0OfvVgdQE=",
    ),
    ("no salt", "$sha256$pf=e1BBU1NXT1JEfQ==$$eVkN2nGapJnX5tbCNL2o9bs8Cmmf6IzfgnY9veii+Pg="),
    (
        "salt before password",
        "$sha512$pf=e1NBTFR9e1BBU1NXT1JEfQ==$TmFDbA==$zfPn5iZaeKOUjocNVTxhgu1tOXjsU8GREdnrHKmnhFAdsYupZMXSALdTaYriKqVNoPPKEgzS30vMyi8dZ3ym/Q==",
    ),
    ("Django, md5", "$md5$pf=e1NBTFR9e1BBU1NXT1JEfQ==$c2Vhc2FsdHNlYXNhbHRzZWFzYWx0MQ==$Aof9QC4oSnThrMoyoCLwiQ=="),
    ("md5sum", "$md5$C+BHJphqqNXf0exIuMbdUw=="),
];

/// Source, password and hash.
const PUBLISHED: &[(&str, &str, &str)] = &[
    ("php.net, password_verify", "rasmuslerdorf", "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq"),
    ("jBCrypt's tests", "a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
    (
        "argon2-cffi's documentation",
        "correct horse battery staple",
        "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg",
    ),
    (
        "the reference implementation's README",
        "password",
        "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
    ),
    ("RFC 6070", "password", "$pbkdf2-sha1$i=4096,l=20$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE"),
    (
        "RFC 7914",
        "Password",
        "$pbkdf2-sha256$i=80000,l=64$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ",
    ),
    (
        "RFC 7914",
        "password",
        "$scrypt$ln=1024,r=8,p=16$TmFDbA==$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA==",
    ),
    (
        "Firebase's scrypt, its README",
        "user1password",
        "$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
    ),
    (
        "openssl dgst -md4 -hmac",
        "what do ya want for nothing?",
        "$hmac-md4$YmUxOTJjNTg4YThlOTE0ZDhhNTliNDc0YTgyODEyOGY=$SmVmZQ==",
    ),
    ("RFC 2202", "what do ya want for nothing?", "$hmac-md5$NzUwYzc4M2U2YWIwYjUwM2VhYTg2ZTMxMGE1ZGI3Mzg=$SmVmZQ=="),
    (
        "RFC 2202",
        "what do ya want for nothing?",
        "$hmac-sha1$ZWZmY2RmNmFlNWViMmZhMmQyNzQxNmQ1ZjE4NGRmOWMyNTlhN2M3OQ==$SmVmZQ==",
    ),
    (
        "RFC 4231",
        "what do ya want for nothing?",
        "$hmac-sha224$YTMwZTAxMDk4YmM2ZGJiZjQ1NjkwZjNhN2U5ZTZkMGY4YmJlYTJhMzllNjE0ODAwOGZkMDVlNDQ=$SmVmZQ==",
    ),
    (
        "RFC 4231",
        "what do ya want for nothing?",
        "$hmac-sha256$NWJkY2MxNDZiZjYwNzU0ZTZhMDQyNDI2MDg5NTc1Yzc1YTAwM2YwODlkMjczOTgzOWRlYzU4Yjk2NGVjMzg0Mw==$SmVmZQ==",
    ),
    (
        "RFC 4231",
        "what do ya want for nothing?",
        "$hmac-sha384$YWY0NWQyZTM3NjQ4NDAzMTYxN2Y3OGQyYjU4YTZiMWI5YzdlZjQ2NGY1YTAxYjQ3ZTQyZWMzNzM2MzIyNDQ1ZThlMjI0MGNhNWU2OWUyYzc4YjMyMzllY2ZhYjIxNjQ5$SmVmZQ==",
    ),
    (
        "RFC 4231",
        "what do ya want for nothing?",
        "$hmac-sha512$MTY0YjdhN2JmY2Y4MTllMmUzOTVmYmU3M2I1NmUwYTM4N2JkNjQyMjJlODMxZmQ2MTAyNzBjZDdlYTI1MDU1NDk3NThiZjc1YzA1YTk5NGE2ZDAzNGY2NWY4ZjBlNmZkY2FlYWIxYTM0ZDRhNmI0YjYzNmUwNzBhMzhiY2U3Mzc=$SmVmZQ==",
    ),
];

#[test]
fn hashes_of_products_match() {
    let made = MADE.iter().map(|&(product, hash)| (product, PASSWORD, hash));
    for (product, password, hash) in PUBLISHED.iter().copied().chain(made) {
        assert!(fits(hash, password), "{product}: {hash}");
        assert!(!fits(hash, &format!("{password} ")), "{product}: {hash}");
    }
}

/// crypt(3) uses eight bytes of a longer salt, Kratos all of it; a hash of either matches.
#[test]
fn md5_crypt_with_long_salt_matches_both_ways() {
    use super::super::md5_crypt::md5_crypt;
    let salt = "x.Zk3/9qLonger";
    for used in [salt, &salt[..8]] {
        let hash = format!("$md5-crypt${salt}${}", md5_crypt(PASSWORD.as_bytes(), used.as_bytes()));
        assert!(fits(&hash, PASSWORD), "{hash}");
        assert!(!fits(&hash, "three-keys"), "{hash}");
    }
}

"""Texts that hold a secret, each in a form in which a log or an error message may hold it, and texts that only look so.

`S` stands for the secret: a word, so that what is left of it is found again. Forms of a known shape have their own.
"""

import base64
import json
from urllib.parse import quote

S = "Zx7pLaNtEd9qW"
"The secret of every form that does not need a shape."
SHAPED = "pLaNtEd9q"
"What every secret of a shape of its own has in it."
JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ{SHAPED}eiJ9.c2lnbmF0dXJl{SHAPED}"
BASIC = base64.b64encode(f"scim:{S}".encode()).decode()
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMIIEow{SHAPED}IBAAKCAQEA\nq7B{SHAPED}x/3+\n-----END RSA PRIVATE KEY-----"


def forms() -> dict[str, str]:
    """Names each form and gives its text."""
    key = {
        f"JSON {name}": json.dumps({"id": 1, name: S, "active": True})
        for name in (
            "password", "Password", "userPassword", "new_password", "passwd", "pwd", "passphrase", "client_secret",
            "clientSecret", "secretText", "SecretToken", "access_token", "refreshToken", "id_token", "bearerToken",
            "apiKey", "api-key", "x-api-key", "AccountKey", "SharedAccessKey", "privateKey", "Authorization",
            "Proxy-Authorization", "Cookie", "Set-Cookie", "credentials", "clientAssertion", "sessionId",
            "passwordHash",
            "urn:ietf:params:scim:schemas:core:2.0:User:password", "Ocp-Apim-Subscription-Key", "passcode", "db_pass",
        )
    }  # fmt: skip
    once = json.dumps({"password": f'{S}"{S}\\{S}', "note": "n"})
    nested = {
        "JSON in a text of JSON": json.dumps({"body": once}),
        "JSON twice in a text": json.dumps({"body": json.dumps({"body": once})}),
        "JSON three times in a text": json.dumps({"b": json.dumps({"b": json.dumps({"token": S})})}),
        "pretty JSON in a text": json.dumps({"b": json.dumps({"token": S, "c": 1}, indent=2)}),
        "a value of several lines": json.dumps({"password": f"{S}\n{S}\t{S}"}),
        "nginx's JSON": json.dumps({"token": S}).replace('"', "\\x22"),
        ".NET's JSON": json.dumps({"body": "{}"}).replace("{}", json.dumps({"token": S}).replace('"', "\\u0022")),
        "JSON in a URL": quote(json.dumps({"password": S, "b": 1})),
        "a Python dict": str({"password": S, "b": 1}),
        "YAML": f'user: a\npassword: "{S}"\n',
        "a JavaScript object": f'{{ user: "ada", password: "{S} and {S}" }}',
        "an object with its value": json.dumps({"password": {"type": "x", "value": S}}),
        "a list": json.dumps({"Set-Cookie": [f"a={S}; Path=/", f"b={S}"], "b": ["x"]}),
        "a list of one": json.dumps({"x-api-key": [S]}),
        "a list in a text": json.dumps({"b": json.dumps({"set-cookie": [f"a={S}; Path=/", f"b={S}"]})}),
        "a list of objects": json.dumps({"credentials": [{"kind": "x", "value": S}]}),
        "a cut list": json.dumps({"set-cookie": [f"a={S}; Path=/", f"b={S}"]})[:-3],
        "cut JSON": json.dumps({"a": 1, "password": S})[:-2],
        "a number": json.dumps({"pin": 7390142}).replace("7390142", "7390142"),
    }
    pairs = {
        "name and value": json.dumps({"name": "password", "value": S}),
        "value and name": json.dumps({"value": S, "name": "password"}),
        "key and value with more": json.dumps({"key": "SecretToken", "valueType": "s", "n": 3, "value": S}),
        "PATCH": json.dumps({"op": "replace", "path": "password", "value": S}),
        "PATCH of a URN with a version": json.dumps({"op": "add", "path": "urn:x:password:2.0", "value": S}),
        "a URN with a version": json.dumps({"urn:x:User:password:1.0": S, "active": True}),
        "PATCH turned": json.dumps({"value": S, "op": "replace", "path": "password"}),
        "PATCH of a URN": json.dumps({"op": "add", "path": "urn:ietf:params:scim:core:2.0:User:password", "value": S}),
        "PATCH without a path": json.dumps({"op": "add", "value": {"password": S}}),
        "PATCH in a text": json.dumps({"b": json.dumps({"op": "replace", "path": "password", "value": S})}),
        "old and new": json.dumps({"displayName": "password", "oldValue": S, "newValue": f"{S}2"}),
        "old and new turned": json.dumps({"newValue": S, "oldValue": f"{S}2", "displayName": "passwd"}),
        "Keycloak's credential": json.dumps({"type": "password", "value": S, "temporary": False}),
        "a header as name and value": json.dumps([{"name": "Authorization", "value": f"Custom {S}"}]),
        "headers as pairs": json.dumps([["Host", "a.example"], ["X-Api-Key", S]]),
        "headers as a list": json.dumps(["Host", "a.example", "Authorization", S, "Accept", "*/*"]),
        "a cookie in a list": json.dumps(["Cookie", f"sid={S}; lang=en"]),
        "a form as pairs": json.dumps([["user", "ada"], ["password", S]]),
        "Python's pairs": str([("user", "ada"), ("password", S)]),
        "headers in JSON": json.dumps({"headers": {"Authorization": f"Token {S}", "Accept": "*/*"}}),
        "XML attributes": f'<add key="ApiKey" value="{S}"/>',
        "a form's input": f'<input name="password" type="text" value="{S}">',
    }
    query = {
        f"parameter {name}": f"GET /scim/v2/Users?count=1&{name}={quote(S + '@!')}&startIndex=1 HTTP/1.1"
        for name in ("access_token", "token", "api_key", "apikey", "key_password", "client_secret", "sig", "signature",
                     "subscription-key", "password", "id_token_hint_token", "assertion")
    } | {
        "a part of a path": f"GET /scim/token/{S}/Users?count=1 HTTP/1.1",
        "an encoded part of a path": f"next=%2Fapi%2Fsecret%2F{S}%2Fv2",
        "a bare parameter": f"2026-01-05 12:00:00 10.0.0.1 GET /scim/v2/Users access_token={S}&count=1 443",
        "a form": f"grant_type=password&username=ada&password={quote(S)}&scope=a",
        "a form with a comma": f"user=ada&password={S},{S}&b=1",
        "a form in a text of JSON": json.dumps({"body": f"user=ada&client_secret={S}"}),
        "a form as .NET escapes it": f'{{"body":"user=ada\\u0026password={S}\\u0026b=1"}}',
        "an encoded form": f"body=user%3Dada%26password%3D{S}%26b%3D1",
        "an encoded URL": f"/login?next=https%3A%2F%2Fa.example%2Fcb%3Faccess_token%3D{S}%26b%3D1",
        "an encoded filter": f"GET /Users?filter=password%20eq%20%22{S}%22",
        "a filter with plus": f"GET /Users?filter=password+eq+%22{S}%22",
        "a filter": f'filter=userName eq "ada" and password eq "{S}"',
        "a filter of a URN": f'urn:ietf:params:scim:schemas:core:2.0:User:password co "{S}"',
        "an OAuth code": f"GET /cb?code={S}abc&state=1",
        "a SAS": f"https://a.example/c?sv=2024&se=2026-01-01&sp=r&sig={S}%3D&sr=b",
    }  # fmt: skip
    headers = {
        "Authorization": f"Authorization: Bearer {S}",
        "Authorization of a scheme": f"Authorization: SSO-Key {S}:{S}",
        "Authorization in a sentence": f"The call with Authorization: Token {S}{S} was refused.",
        "Authorization as IIS has it": f"Authorization:+Bearer+{S}",
        "Basic": f"sent Basic {BASIC} and failed",
        "Basic in a URL": f"a=Basic%20{BASIC}&b",
        "Basic of a word": f"Basic {S}{S}",
        "Bearer": f"sent Bearer {S}, and failed",
        "Bearer of short": "sent Bearer pLaNtEd9q, and failed",
        "Bearer quoted": f'"Bearer {S}"',
        "bearer in capitals": f"BEARER {S}",
        "Digest": f'Authorization: Digest username="ada", realm="r", response="{"0a1b2c3d" * 4}"'.replace(
            "0a1b2c3d", "9adeaded"
        ),
        "Digest of base64": f'Authorization: Digest username="ada", realm="r", response="{S}+/=="',
        "Digest with its realm first": f'Digest realm="r", username="ada", response="{S}"',
        "Cookie": f"Cookie: sid={S}; theme={S}",
        "Set-Cookie": f"Set-Cookie: sid={S}; Path=/; HttpOnly",
        "Response Headers": f"Response Headers: Date: x Set-Cookie: ARRAffinity={S};Path=/ Content-Length: 0.",
        "X-Api-Key": f"X-Api-Key: {S}",
        "lines of a request": f"GET / HTTP/1.1\r\nHost: a.example\r\nX-Auth-Token: {S}\r\n\r\n",
        "X-Amz": f"X-Amz-Security-Token: {S}{S}",
        "AWS4": f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/2026, Signature={S}",
    }
    texts = {
        "password=": f"Bind failed with user=ada password={S}",
        "Password in a connection string": f"Server=a.example;Uid=ada;Pwd={S};Database=x",
        "Password with spaces": f"Server = a.example; Password = {S}; Database = x",
        "AccountKey": f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={S}abcd==;EndpointSuffix=x",
        "SharedAccessKey": f"Endpoint=sb://a.example/;SharedAccessKeyName=Root;SharedAccessKey={S}=",
        "SharedAccessSignature": f"SharedAccessSignature sr=a.example&sig={S}%3d&se=1&skn=Root",
        "a quoted password": f"password='{S} {S}'",
        "password is": f"The password is {S} and it was refused",
        "password X": f"Cannot set password {S} of ada",
        "a user and a secret": f"login with the credentials ada / {S} failed",
        "user and password named alike": f"user / password: ada@example.com / {S}",
        "token:": f"invalid token: {S}",
        "token in brackets": f"the token ({S}) has ended",
        "api key X": f"api key {S} is not known",
        "token on the next line": f"The token\n{S} was refused",
        "a password in curly quotes": f"The password “{S}” is too weak",
        "a value and its attribute": f"Value '{S}' for attribute password is too short",
        "a hint": f"id_token_hint={S}",
        "a name with an underscore": json.dumps({"Pass_Word": S}),
        "a command line": f"curl --password {S} https://a.example",
        "a command line with =": f"tool --client-secret={S} run",
        "a variable": f"SCIM_TOKEN={S} npm start",
        "an export": f"export DB_PASSWORD='{S}'",
        "a URL with a user": f"https://ada:{S}@a.example/scim",
        "a URL without a user": f"redis://:{S}@a.example:6379/0",
        "an encoded URL with a user": f"next=https%3A%2F%2Fada%3A{S}%40a.example",
        "postgres": f"ducklake:postgres:postgresql://ada:{S}@db.example/lake",
        "libpq": f"ducklake:postgres:host=db.example user=ada password={S} dbname=x",
        "XML": f"<user><password>{S}</password></user>",
        "SOAP": f'<wsse:Password Type="text">{S}</wsse:Password>',
        "XML in a text": f"&lt;password&gt;{S}&lt;/password&gt;",
        "XML cut off": f"<password>{S}",
        "multipart": f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{S}\r\n--b--',
        "broken JSON": f'{{"user": "ada", "password": {S}',
        "a password behind a colon": f"userPassword:{S}",
        "a short password behind a colon": "password: pLaNtEd9q",
        "cookies in an object, cut off": json.dumps({"b": json.dumps({"cookies": {"ARRAffinity": S}})[:-4]}),
        "cookies in an object": json.dumps({"cookies": {"ARRAffinity": S, "lang": "en"}}),
        "XML as JSON": f"\\u003cpassword\\u003e{S}\\u003c/password\\u003e",
    }
    shapes = {
        "JWT": f"token of {JWT} here",
        "JWT in a path": f"/Users/{JWT}",
        "AWS": "id AKIAPLANTED9QEXAMPLE used",
        "GitHub": f"ghp_{SHAPED}0123456789abcdefghij",
        "GitHub, fine": f"github_pat_{SHAPED}_0123456789abcdefghij",
        "GitLab": f"glpat-{SHAPED}0123456789",
        "Slack": f"xoxb-123-{SHAPED}",
        "Slack's hook": f"https://hooks.slack.com/services/T000/B000/{SHAPED}",
        "Stripe": f"sk_live_{SHAPED}0123",
        "Stripe's hook": f"whsec_{SHAPED}0123",
        "Google": f"AIza{SHAPED}0123456789012345678901234567",
        "Entra": f"abc8Q~{SHAPED}0123456789012345678901234567",
        "SendGrid": f"SG.{SHAPED}0123.{SHAPED}0123",
        "npm": f"npm_{SHAPED}0123456789012345",
        "Databricks": f"dapi{SHAPED}0123456789",
        "a private key": PEM,
        "a private key in JSON": json.dumps({"k": PEM}),
        "a private key cut off": PEM[:-40],
        "a key twice in JSON": json.dumps({"k": json.dumps({"k": PEM})}),
    }
    further = {
        text: text.replace("…", S)
        for text in (
            "PRIVATE-TOKEN: …", "X-Vault-Token: …", "authorization: Basic …", "Authorization=Bearer%20…", "Bearer: …",
            "filter=token%20eq%20%27…%27", "filter=password%2Beq%2B%22…%22", "Invalid API key provided: …",
            '{"path":"passwords[type eq \\"x\\"].value","value":"…"}', "Authorization: Token token=…",
            "curl -u ada:… https://a.example", '<Value name="password">…</Value>', "userPassword:: …==", "Kennwort=…",
            '{"headers":{"x-auth":"…"}}', "password -> …", "code_verifier=…", ":password => '…'", "password := …",
            "Temporary password: …", "JWT_SECRET=…", "db.password=…", "X-Amz-Signature=…", "JSESSIONID=…", "otp=…",
            '{"passwordCredentials":[{"secretText":"…","hint":"abc"}]}', "password%253D…",
            "RelayState=x&SAMLResponse=…",
        )
    }  # fmt: skip
    return further | key | nested | pairs | query | headers | texts | shapes


LEFT = (S, SHAPED, "7390142", "9adeaded", BASIC[:16], "AKIAIOSFODNN7", "PLANTED9Q")
"What must be nowhere: some part of every secret."

HARMLESS = (
    "GET /api/token/8d1f0c52-5d47-4a0e-9b61-7c2d5e8f1a04/Users HTTP/1.1",
    "GET /scim/8d1f0c525d474a0e9b617c2d5e8f1a04/Users HTTP/1.1",
    "GET /oauth/token/introspect and /oauth2/token/v2.0/Users",
    "token / secret / key",
    "Secretary General", "secretary@example.com", "Basic Plan 2024", "Basic M365 licence", "Basic Standard_B1ms",
    "Bearer of bad news", "Standard Bearer", "Token Ring", "Password never expires", "cookie-consent",
    "Top Secret Project",
    "Authorization_RequestDenied", "Authorization: required", "token has expired at 2026-01-05T12:00:00Z",
    "code=404",
    "errorCode=InvalidCredentials", "signature algorithm RS256", "Assertion failed: x > 1",
    "jobTitle=Token Engineer",
    '{"displayName":"Basic Users","value":"8d1f0c5e-1111-4111-8111-111111111111"}',
    "password: must be at least 8 characters",
    '{"secretary":{"value":"26118915-6090-4610-87e4-49d8ca9f808d"}}',
    '{"type":"work","value":"secret.agent@example.com"}',
    "POST /scim/v2/Tokens", 'duplicate key value violates unique constraint "users_email_key"',
    "Password Hash Synchronization",
    "Unexpected token < in JSON at position 0", "CSRF token mismatch", "Basic Intune2024Plan",
    "Unknown attribute password2fa",
    "The secretary of Ada", '{"title": "Executive Secretary"}', '{"secretary": "Ada Lovelace"}', "secretary=Ada",
    '{"path": "secretary", "value": "Grace Hopper"}', "Secretariat", "Basic plan", "Basic Plan", "the Basic tier",
    "Basic Office365 licence", "Basic Authentication", "Basic authentication is off", "Basic SharePoint plan",
    "Basic auth", "Basic PowerShell module", "Bearer authentication failed", "Bearer token missing",
    'WWW-Authenticate: Bearer realm="scim.example.com", error="invalid_token"', "Bearer error_description missing",
    "OAuth Bearer Token Standard", "Bearer OAuth2 token", "invalid_token: token expired", "token expired",
    "token_type=bearer", '{"token_type": "bearer", "expires_in": 3599}', "grant_type=password&username=ada",
    "response_type=token", "reset your password: ask IT", "password policy", "passwordPolicies",
    '{"passwordPolicies": "DisablePasswordExpiration"}', '{"changePassword": {"supported": false}}',
    '{"pwdLastSet": "133801234567890000"}', '{"passwordExpiresAt": "2026-01-05"}', "The password has expired",
    '{"name": "password", "type": "string", "mutability": "writeOnly", "returned": "never"}', "Forgot password?",
    '{"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "The standard"}', "token endpoint",
    '{"attributes": ["userName", "password", "emails"]}', "Culture=neutral, PublicKeyToken=31bf3856ad364e35",
    "AADSTS700082: The refresh token has expired", "refresh token AADSTS700082", "tokens=512", '{"maxTokens": 4096}',
    '{"$skiptoken": "abc"}', '{"nextPageToken": "CAUQAA"}', "https://a.example:8443/scim/v2/Users/1",
    '{"userName": "ada@example.com", "active": true}', "cookie policy", "cookies are off", "Cookie: missing",
    '{"errorCode": "InvalidCredentials", "status": 401}', "credentials are invalid", "the key is wrong", "key=value",
    '{"displayName": "Password Managers", "value": "8d1f0c5e"}', '{"display": "Secret Santa", "value": "44444444"}',
    '{"signature": "Kind regards, Ada"}', "the signature is wrong", "pinned to 5", "bypass=1", "compass: north",
    "code=409&message=conflict", "?code=US", "Passau, Germany", "passenger 7B", '{"tokenEndpoint": "x"}', "tokens v2",
    "The API key is missing", "session ended", "SecretaryGeneral", "Credentialing Dept 3", "Authorization failed",
    '{"authorization": null}', "-----BEGIN CERTIFICATE-----\nMIIB", "https://login.example.com/oauth2/token",
    "otpauth", "spinach", "pass-through authentication", "single sign-on and basic profile", "keyboard=qwerty",
    "Entra reports: StatusCode: Unauthorized Message: The token was refused", "mailto:ada@example.com",
    "/scim/v2/Users?filter=userName%20eq%20%22ada%22", "user:ada@example.com",
    "value 'Berlin' is invalid for attribute city; password unchanged", "password_reset_required: true",
)  # fmt: skip

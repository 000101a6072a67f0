-- What two failures of one cause share.

-- attribute_quoted(words): a message with the attributes' names that it quotes put into other marks; what else is
-- quoted is a value. The names are those of RFC 7643 and of Entra's users, and any that is written in camel case.
create or replace macro attribute_quoted(words) as
    regexp_replace(words, '[''"]((urn:[^''"\s]+|[a-z]+[A-Z][A-Za-z0-9]*|active|addresses|department|division|emails'
        || '|entitlements|groups|ims|locale|mail|manager|members|meta|mobile|name|organization|photos|roles|schemas'
        || '|surname|timezone|title)([.\[][^'']*?)?)[''"]', '⟨\1⟩', 'g');

-- names_any(words, source_name, upn): whether a message may hold a name of the object that it is about; this quick look
-- comes before without_names, which takes as long as all else of a message.
create or replace macro names_any(words, source_name, upn) as
    coalesce(contains(lower(words), lower(source_name)), false)
    or coalesce(contains(lower(words), lower(split_part(upn, '@', 1))), false);

-- without_names(words, names): a message without the names of the object that it is about, whole words in any case. A
-- shorter name than of four letters may be a word of the message. RE2 knows the ends of words by ASCII alone, and takes
-- 3 ms to read a pattern with the letters of all languages.
create or replace macro without_names(words, names) as
    list_reduce(
        list_filter(names, lambda n: length(n) >= 4 and contains(lower(words), lower(n))),
        lambda left_over, n: regexp_replace(left_over, '(?i)' || case when n[1] similar to '[A-Za-z0-9]' then '\b' else '' end
            || regexp_escape(n) || case when n[-1] similar to '[A-Za-z0-9]' then '\b' else '' end, '‹name›', 'g'),
        words);

-- normalised(words): a message without what differs from object to object: ids, names, dates, numbers, hosts, the next
-- retry. Several in a row count as one. Two messages of one cause are then the same text. A quote counts only around a
-- value, not in "doesn't".
create or replace macro normalised(words) as
    trim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(attribute_quoted(regexp_replace(words,
        'This operation was retried \d+ times?\.?( It will be retried again after this date: \S+( UTC)?\.?)?', '', 'g')),
        '[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}', '‹id›', 'g'),
        '[A-Za-z]+://[^\s"''<>]+', '‹address›', 'g'),
        '[^\s"''<>,;:()=‹›]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+', '‹name›', 'g'),
        '\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?( ?(Z|UTC|[+-]\d\d:?\d\d)\b)*'
            || '|\b\d{1,2}/\d{1,2}/\d{4}( \d{1,2}:\d\d(:\d\d)?( [AP]M)?)?', '‹date›', 'g'),
        '(^|[\s(=:,\[{])(''[^'']*''|"[^"]*"|“[^”]*”|‘[^’]*’|`[^`]*`)', '\1‹value›', 'g'),
        '\b([A-Za-z0-9-]+\.)+(com|net|org|io|test|example|local|internal|cloud|dev|app|eu|de|uk|us)\b(:\d+)?',
            '‹host›', 'g'),
        'as the members of [^.]*', 'as the members of ‹value›', 'g'),
        '(‹\w+›)((,| and) ?‹\w+›)+', '\1', 'g'),
        '\b\d+([.,:]\d+)*\b|\b[A-Za-z]*\d+[A-Za-z][A-Za-z0-9]*\b', '#', 'g'),
        '\s+', ' ', 'g'),
        '[⟨⟩]', '''', 'g'),
        '( ?\.)+$', '.'));

-- failed_step(steps): the step at which an event failed or was skipped; its newest one.
create or replace macro failed_step(steps) as
    coalesce(list_filter(steps, lambda s: s.status = 'failure')[1], list_filter(steps, lambda s: s.status = 'skipped')[-1]);

-- own_words(reason): a reason without the sentences and headers that Entra's client writes around every answer.
create or replace macro own_words(reason) as
    trim(regexp_replace(regexp_replace(reason,
        '(?s)(We received this unexpected response from your application: )?Received response from Web resource\..*?'
            || 'Response Status Code: (\w+).*', 'Status code: \2'),
        '(Message: )?Processing of the HTTP request resulted in an exception\.? Please see the HTTP response returned by '
            || 'the ''Response'' property of this exception for details\.|(Web Response|Response Content):\s*$', '', 'g'));

-- cause_words(scim_detail, reason, steps): the text that says best why an event failed: the app's own words, else
-- Entra's reason, else the failed step.
create or replace macro cause_words(scim_detail, reason, steps) as
    coalesce(nullif(trim(scim_detail), ''), nullif(own_words(reason), ''), failed_step(steps).description, '');

-- fingerprint(template, source_type, step_type, code, http_status, scim_type, detail): what two failures of one cause
-- share, as a short name that begins with the version of this recipe; a new recipe gets a new version, so that a link
-- to an issue never comes to mean another.
create or replace macro fingerprint(template, source_type, step_type, code, http_status, scim_type, detail) as
    'v1-' || md5(concat_ws('|', coalesce(template, ''), coalesce(lower(source_type), ''), coalesce(step_type, ''),
        coalesce(code, ''), coalesce(http_status::varchar, ''), coalesce(scim_type, ''), coalesce(detail, '')))[:12];

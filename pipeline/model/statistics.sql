-- Statistics that DuckDB lacks.

-- quantile_of(sorted, share): the value below which a share of what comes next lies, from a sorted list of what came
-- before. The ranks are those of one value more, so that few make a wide band (Weibull's plotting positions); between
-- two it interpolates, beyond them all it is null.
create or replace macro quantile_of(sorted, share) as
    case
        when (len(sorted) + 1) * share between 1 and len(sorted)
            then sorted[floor((len(sorted) + 1) * share)::bigint]
                + ((len(sorted) + 1) * share - floor((len(sorted) + 1) * share))
                * (sorted[ceil((len(sorted) + 1) * share)::bigint] - sorted[floor((len(sorted) + 1) * share)::bigint])
    end;

-- katz_ratio(a, n, c, m): the risk ratio of a of n against c of m; half a person is added to each cell where one is
-- empty, since a ratio to zero is not defined.
create or replace macro katz_ratio(a, n, c, m) as
    case when a = 0 or c = 0 then ((a + 0.5) / (n + 1)) / ((c + 0.5) / (m + 1)) else (a / n) / (c / m) end;

-- katz_error(a, n, c, m): the standard error of katz_ratio's logarithm, after Katz.
create or replace macro katz_error(a, n, c, m) as
    case
        when a = 0 or c = 0 then sqrt(greatest(0, 1 / (a + 0.5) - 1 / (n + 1) + 1 / (c + 0.5) - 1 / (m + 1)))
        else sqrt(greatest(0, 1 / a - 1 / n + 1 / c - 1 / m))
    end;

-- katz_low(a, n, c, m): the lower end of katz_ratio's 95 % interval.
create or replace macro katz_low(a, n, c, m) as katz_ratio(a, n, c, m) * exp(-1.959964 * katz_error(a, n, c, m));

-- katz_high(a, n, c, m): the upper end of katz_ratio's 95 % interval.
create or replace macro katz_high(a, n, c, m) as katz_ratio(a, n, c, m) * exp(1.959964 * katz_error(a, n, c, m));

-- ln_choose(n, k): the logarithm of how many ways there are to choose k of n.
create or replace macro ln_choose(n, k) as lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);

-- fisher(a, n, c, m): how likely a of n or more would be by chance, when c of m others have it too; Fisher's exact
-- test, one-sided.
create or replace macro fisher(a, n, c, m) as
    least(1.0, list_sum(list_transform(range(a::bigint, least(n, a + c)::bigint + 1),
        lambda i: exp(ln_choose(a + c, i) + ln_choose(n + m - a - c, n - i) - ln_choose(n + m, n)))));

// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"
#include "traces.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/lookup_json.hpp>
#include <ctms/service/contacts.hpp>
#include <web/server/answers.hpp>
#include <web/server/page_size.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::web::routes {
namespace {

using found_contacts = std::vector<model::contact_document>;

/// Makes the response in pieces, so that only some contacts are in memory at a time. Usable as a body_source.
class lookup_results {
public:
    /// All must live as long as the response is sent.
    lookup_results(service::contacts& contacts, request_facts& facts, std::vector<json::lookup_item> items)
        : contacts_(&contacts), facts_(&facts), items_(std::move(items)) {}

    result<bool> operator()(std::string& piece) {
        const auto count = std::min(items_.size() - next_, static_cast<std::size_t>(page_.items()));
        const auto wanted = std::span(items_).subspan(next_, count);
        const auto found = find(wanted);
        if (!found) return found.error();
        const auto before = piece.size();
        if (next_ == 0) piece += R"({"items":[)";
        for (std::size_t i = 0; i < count; ++i) {
            if (next_ + i > 0) piece += ',';
            object_writer writer(piece);
            writer.add("id", std::string_view(wanted[i].id));
            if (const auto& contacts = (*found)[i]) {
                append_json_array(writer.key("contacts"), *contacts,
                                  [](std::string& out, const model::contact_document& one) { out += one.json; });
            } else {
                writer.add_null("contacts");
                writer.add("error", std::string_view(contacts.error().message));
            }
            writer.close();
        }
        next_ += count;
        page_.learn(count, piece.size() - before);
        const bool more = next_ < items_.size();
        if (!more) piece += "]}";
        return more;
    }

private:
    /// What was found for each id, or why it is refused.
    [[nodiscard]] result<std::vector<result<found_contacts>>> find(std::span<const json::lookup_item> wanted) {
        std::vector<result<found_contacts>> out;
        const auto add = [&](found_contacts contacts) {
            trace_results(*facts_, contacts);
            out.push_back(std::move(contacts));
        };
        if (wanted.front().query.email_id) {
            std::vector<uuid> ids;
            for (const auto& one : wanted) ids.push_back(one.query.email_id.value());
            for (auto& one : contacts_->documents(ids)) {
                if (!one && one.error().code != errc::not_found) return one.error();
                add(one ? found_contacts{*std::move(one)} : found_contacts{});
            }
            return out;
        }
        std::vector<model::identity_query> queries;
        for (const auto& one : wanted) queries.push_back(one.query);
        for (auto& one : contacts_->find_documents(queries)) {
            if (one) {
                add(*std::move(one));
            } else if (one.error().code == errc::malformed) {
                out.emplace_back(one.error());
            } else {
                return one.error();
            }
        }
        return out;
    }

    service::contacts* contacts_;
    request_facts* facts_;
    std::vector<json::lookup_item> items_;
    std::size_t next_ = 0;
    page_size page_{50, 200, usual_piece};
};

} // namespace

response post_lookup(call& now, const services& all) {
    auto items = json::read_lookup(*now.body);
    if (!items) return failed(now, items.error());
    lookup_results source(all.contacts, now.facts, *std::move(items));
    response out;
    const auto more = source(out.body);
    if (!more) return failed(now, more.error());
    if (*more) out.rest = std::move(source);
    return out;
}

} // namespace ctms::web::routes

// SPDX-License-Identifier: MPL-2.0
#include "fake_acoustic_store.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace ctms::test {
namespace {

constexpr std::size_t most_rows = 100;
constexpr std::size_t longest_address = 64 + 1 + 255;
constexpr std::array<std::string_view, 6> methods{
    "AddRecipient", "InsertUpdateRelationalTable", "RemoveRecipient", "DeleteRelationalTableData", "ImportList", "GetJobStatus"};

bool has_rows(std::string_view method) { return method == "InsertUpdateRelationalTable" || method == "DeleteRelationalTableData"; }

/// XML 1.0 forbids most control characters, U+FFFE and U+FFFF; pugixml accepts them.
bool has_forbidden_character(std::string_view text) {
    const auto is_control = [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; };
    return std::any_of(text.begin(), text.end(), is_control) || text.find("\xEF\xBF\xBE") != std::string_view::npos ||
           text.find("\xEF\xBF\xBF") != std::string_view::npos;
}

/// An & must begin a reference; pugixml accepts a bare one.
bool has_bare_ampersand(std::string_view text) {
    for (auto at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
        const auto name = text.substr(at + 1, std::min(text.find(';', at), text.size()) - at - 1);
        const bool number = name.starts_with('#') && name.size() > 1 && name.size() < 10;
        if (!number && name != "amp" && name != "lt" && name != "gt" && name != "quot" && name != "apos") return true;
    }
    return false;
}

/// Checks every text and attribute, where numeric references have already become characters.
bool is_clean(const pugi::xml_node& node) {
    if (has_forbidden_character(node.value())) return false;
    const auto attributes = node.attributes();
    return std::none_of(attributes.begin(), attributes.end(), [](const auto& one) { return has_forbidden_character(one.value()); }) &&
           std::all_of(node.begin(), node.end(), [](const auto& child) { return is_clean(child); });
}

/// The VALUE of the element whose NAME is `name`.
std::string named_value(const pugi::xml_node& parent, const char* element, std::string_view name) {
    for (const auto& pair : parent.children(element)) {
        if (pair.child_value("NAME") == name) return pair.child_value("VALUE");
    }
    return {};
}

std::string sync_key(const pugi::xml_node& call) { return named_value(call.child("SYNC_FIELDS"), "SYNC_FIELD", "email_id"); }

fake_acoustic::row read_row(const pugi::xml_node& row, const char* element) {
    fake_acoustic::row out;
    for (const auto& column : row.children(element)) out[column.attribute("name").value()] = column.child_value();
    return out;
}

bool is_address(std::string_view text) { return text.size() <= longest_address && std::count(text.begin(), text.end(), '@') == 1; }

bool is_true(std::string_view text) { return text == "TRUE" || text == "true"; }

struct text_writer final : pugi::xml_writer {
    std::string text;
    void write(const void* data, std::size_t size) override { text.append(static_cast<const char*>(data), size); }
};

std::string print(const pugi::xml_node& node) {
    text_writer out;
    node.print(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
    return std::move(out.text);
}

pugi::xml_node add(pugi::xml_node parent, const char* name, const std::string& text = {}) {
    auto out = parent.append_child(name);
    if (!text.empty()) out.text().set(text.c_str());
    return out;
}

std::string success_xml() { return "<Envelope><Body><RESULT><SUCCESS>TRUE</SUCCESS></RESULT></Body></Envelope>"; }

/// The answer to a call with many rows, which lists the rows that failed.
class rows_answer {
public:
    rows_answer() : result_(document_.append_child("Envelope").append_child("Body").append_child("RESULT")) {
        add(result_, "SUCCESS", "TRUE");
    }

    void fail(const fake_acoustic::row& row, const char* key, bool transient, const std::string& why) {
        if (count_++ == 0) failures_ = result_.append_child("FAILURES");
        auto failure = failures_.append_child("FAILURE");
        failure.append_attribute("failure_type") = transient ? "transient" : "permanent";
        failure.append_attribute("description") = why.c_str();
        for (const char* name : {"email_id", key}) {
            const auto found = row.find(name);
            if (found != row.end()) add(failure, "COLUMN", found->second).append_attribute("name") = name;
        }
    }

    [[nodiscard]] vendor_effect finish() const {
        return {print(document_), count_ == 0 ? "success" : fmt::format("{} rows failed", count_), false};
    }

private:
    pugi::xml_document document_;
    pugi::xml_node result_;
    pugi::xml_node failures_;
    int count_ = 0;
};

} // namespace

xml_call::xml_call(std::string text) : text_(std::move(text)) {
    // A value that consists of spaces must be kept.
    const auto read =
        document_.load_buffer(text_.data(), text_.size(), pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
    if (!read || has_forbidden_character(text_) || has_bare_ampersand(text_)) return;
    if (text_.find("&#") != std::string::npos && !is_clean(document_)) return;
    node_ = document_.child("Envelope").child("Body").find_child([](const auto& one) { return one.type() == pugi::node_element; });
    if (!node_) return;
    method_ = std::find(methods.begin(), methods.end(), node_.name()) != methods.end() ? node_.name() : "unknown";
    for (const auto& row : node_.child("ROWS").children("ROW")) rows_.push_back(row);
}

std::string xml_call::table_id() const {
    const auto list = node_.child("LIST_ID");
    return list ? list.child_value() : node_.child_value("TABLE_ID");
}

std::set<std::string> xml_call::email_ids() const {
    std::set<std::string> out;
    const char* element = method_ == "DeleteRelationalTableData" ? "KEY_COLUMN" : "COLUMN";
    for (const auto& row : rows_) out.insert(row.find_child_by_attribute(element, "name", "email_id").child_value());
    if (method_ == "AddRecipient") out.insert(sync_key(node_));
    if (method_ == "RemoveRecipient") out.insert(named_value(node_, "COLUMN", "email_id"));
    return out;
}

bool row_holds(const pugi::xml_node& row, const std::string& text) { return print(row).find(text) != std::string::npos; }

std::string fault_xml(int errorid, std::string_view text) {
    pugi::xml_document document;
    auto body = document.append_child("Envelope").append_child("Body");
    add(body.append_child("RESULT"), "SUCCESS", "false");
    auto fault = body.append_child("Fault");
    add(fault, "Request");
    add(fault, "FaultCode");
    add(fault, "FaultString", std::string(text));
    auto error = fault.append_child("detail").append_child("error");
    add(error, "errorid", std::to_string(errorid));
    add(error, "module");
    add(error, "class", "SP.API");
    add(error, "method");
    return print(document);
}

fake_acoustic_store::fake_acoustic_store(const fake_acoustic_options& options)
    : main_id_(options.main_table_id), newsletter_id_(options.newsletter_table_id), product_id_(options.product_table_id) {}

std::string_view fake_acoustic_store::table_name(const std::string& id) const {
    if (id == main_id_) return "main";
    if (id == newsletter_id_) return "newsletter";
    return id == product_id_ ? "product" : "unknown";
}

vendor_effect fake_acoustic_store::apply(const xml_call& call, const std::vector<row_fault>& faults) {
    const auto refuse = [](vendor_error id, std::string_view text) {
        const auto number = static_cast<int>(id);
        return vendor_effect{fault_xml(number, text), fmt::format("fault {}", number), id == vendor_error::too_many_rows};
    };
    if (!call.node()) return refuse(vendor_error::unreadable_xml, "The XML cannot be read");
    if (call.method() == "unknown") return refuse(vendor_error::unknown_method, "Unknown method");
    const auto table = table_name(call.table_id());
    if (table == "unknown" || (table == "main") == has_rows(call.method())) return refuse(vendor_error::unknown_table, "Unknown table");
    if (has_rows(call.method())) {
        if (call.rows().size() > most_rows) return refuse(vendor_error::too_many_rows, "More than 100 rows");
        if (call.rows().empty()) return refuse(vendor_error::missing_element, "No rows");
        return change_rows(call, faults);
    }
    // A call about a single contact fails as a whole.
    if (!faults.empty()) {
        const auto& first = faults.front();
        return refuse(first.transient ? vendor_error::server_error : vendor_error::invalid_address, first.text);
    }
    if (const auto no = change_contact(call)) return refuse(no->id, no->text);
    return {success_xml(), "success", false};
}

fake_acoustic_store::verdict fake_acoustic_store::change_contact(const xml_call& call) {
    return call.method() == "AddRecipient" ? add_recipient(call.node()) : remove_recipient(call.node());
}

fake_acoustic_store::verdict fake_acoustic_store::add_recipient(const pugi::xml_node& call) {
    const std::string_view created_from = call.child_value("CREATED_FROM");
    if (created_from.size() != 1 || created_from < "0" || created_from > "3")
        return refusal{vendor_error::missing_element, "CREATED_FROM must be one of 0 to 3"};
    if (!is_true(call.child_value("UPDATE_IF_FOUND"))) return refusal{vendor_error::missing_element, "UPDATE_IF_FOUND must be TRUE"};
    const auto key = sync_key(call);
    if (key.empty()) return refusal{vendor_error::missing_element, "SYNC_FIELDS must have email_id"};
    fake_acoustic::row sent{{"email_id", key}};
    for (const auto& column : call.children("COLUMN")) sent[column.child_value("NAME")] = column.child_value("VALUE");
    if (sent["email_id"] != key) return refusal{vendor_error::missing_element, "email_id differs from that in SYNC_FIELDS"};
    return store_contact(std::move(sent));
}

std::optional<std::string> fake_acoustic_store::import(const std::vector<std::string>& columns, const std::vector<std::string>& values) {
    fake_acoustic::row sent;
    for (std::size_t i = 0; i < std::min(columns.size(), values.size()); ++i) sent[columns[i]] = values[i];
    if (sent["email_id"].empty()) return "email_id is missing";
    const auto no = store_contact(std::move(sent));
    return no ? std::optional(no->text) : std::nullopt;
}

bool fake_acoustic_store::knows(const std::vector<std::string>& values, const std::vector<std::string>& columns) const {
    const auto key = static_cast<std::size_t>(std::find(columns.begin(), columns.end(), "email_id") - columns.begin());
    return key < values.size() && contacts_.contains(values[key]);
}

fake_acoustic_store::verdict fake_acoustic_store::store_contact(fake_acoustic::row sent) {
    const auto key = sent["email_id"];
    const auto known = contacts_.find(key);
    if ((known == contacts_.end() || sent.contains("email")) && !is_address(sent["email"]))
        return refusal{vendor_error::invalid_address, "Invalid email address"};
    auto& row = contacts_[key];
    for (auto& [name, value] : sent) row[name] = std::move(value);
    ++writes_[key];
    return std::nullopt;
}

fake_acoustic_store::verdict fake_acoustic_store::remove_recipient(const pugi::xml_node& call) {
    if (!call.child("EMAIL")) return refusal{vendor_error::missing_element, "EMAIL is missing"};
    if (contacts_.erase(named_value(call, "COLUMN", "email_id")) == 0)
        return refusal{vendor_error::not_a_member, "Error removing recipient from list. Recipient is not a member of this list."};
    return std::nullopt;
}

vendor_effect fake_acoustic_store::change_rows(const xml_call& call, const std::vector<row_fault>& faults) {
    const bool newsletter = table_name(call.table_id()) == "newsletter";
    const bool insert = call.method() == "InsertUpdateRelationalTable";
    const char* key = newsletter ? "newsletter_name" : "product_id";
    auto& table = newsletter ? newsletters_ : products_;
    rows_answer out;
    for (const auto& node : call.rows()) {
        auto row = read_row(node, insert ? "COLUMN" : "KEY_COLUMN");
        const auto hit = std::find_if(faults.begin(), faults.end(), [&](const auto& one) { return row_holds(node, one.holds); });
        if (hit != faults.end()) {
            out.fail(row, key, hit->transient, hit->text);
        } else if (row["email_id"].empty() || row[key].empty()) {
            out.fail(row, key, false, fmt::format("email_id and {} must have values", key));
        } else if (insert) {
            auto& stored = table[{row["email_id"], row[key]}];
            for (auto& [name, value] : row) stored[name] = std::move(value);
        } else {
            table.erase({row["email_id"], row[key]});
        }
    }
    return out.finish();
}

} // namespace ctms::test

# frozen_string_literal: true

# Living figures in Jekyll: {% iommu_playground why-iommu at=fault %}, and {% iommu_scenario view=walk %} with a scenario before
# {% endiommu_scenario %}. All figures of a build come from one process of `iommu-play figures`, cached by content.

require "digest"
require "fileutils"
require "jekyll"
require "json"

module IommuPlayground
  OLDEST = "4.3"
  OPTIONS = %w[at arch lang view depth controls theme].freeze

  if Gem::Version.new(Jekyll::VERSION) < Gem::Version.new(OLDEST)
    raise "iommu-playground: Jekyll #{Jekyll::VERSION} is not supported; #{OLDEST} or later is needed"
  end

  # What is wrong with a figure: why, and the line within its text (0: none).
  class Wrong < StandardError
    attr_reader :line

    def initialize(message, line = 0)
      super(message)
      @line = line
    end
  end

  # Makes figures; one process for all of them.
  class Figures
    def initialize(command, cache)
      @command = command
      @cache = cache
      @memory = {}
    end

    def figure(want)
      answer(want.slice("preset", "scenario", "at", "arch", "lang").merge("width" => 78))
    end

    # What a link to the playground opens, with what is passed over of it.
    def link(address)
      answer("link" => address)
    end

    def close
      @process&.close
      @process = nil
    end

    private

    def answer(request)
      line = JSON.generate(request.sort.to_h)
      answer = @memory[line] ||= known(line) || asked(line)
      (answer["errors"] || []).each do |error|
        # The message of a scenario's line begins with its place, which the caller says with the document's.
        raise Wrong.new(error["message"].sub(/\A\d+:\d+: /, ""), error["line"])
      end
      answer
    end

    def asked(line)
      begin
        @process ||= IO.popen([@command, "figures"], "r+", external_encoding: Encoding::UTF_8)
        @process.puts(line)
        @process.flush
        said = @process.gets
      rescue Errno::ENOENT
        raise Wrong, "#{@command} does not start: install iommu-play, or name it in the settings"
      rescue SystemCallError
        said = nil
      end
      raise Wrong, "#{@command} ended without an answer: does this version know `figures`?" unless said

      answer = JSON.parse(said)
      keep(line, said) unless answer["errors"]
      answer
    end

    # A tool that was built anew may draw otherwise under the same version.
    def place(line)
      @version ||= begin
        folders = @command.include?("/") ? [""] : ENV.fetch("PATH", "").split(File::PATH_SEPARATOR)
        path = folders.map { |folder| File.join(folder, @command) }.find { |file| File.file?(file) }
        "#{IO.popen([@command, "--version"], &:read)} #{path ? File.mtime(path).to_f : 0}"
      rescue SystemCallError
        ""
      end
      File.join(@cache, "rb-#{Digest::SHA256.hexdigest("#{@version}\n#{line}")[0, 32]}.json")
    end

    def known(line)
      JSON.parse(File.read(place(line), encoding: "UTF-8"))
    rescue SystemCallError, JSON::ParserError
      nil
    end

    def keep(line, said)
      FileUtils.mkdir_p(@cache)
      File.write("#{place(line)}.new", said)
      File.rename("#{place(line)}.new", place(line))
    rescue SystemCallError
      # A cache that cannot be written only costs time.
      nil
    end
  end

  # What both tags do.
  module Living
    def initialize(name, words, tokens)
      super
      @name = name
      @words = words.split
      @at = line_number || 1
    end

    def html(context, text)
      site = context.registers[:site]
      settings = site.config["iommu_playground"] || {}
      origin = settings["origin"]
      raise "iommu-playground: iommu_playground.origin in _config.yml must say where the playground's files are" unless origin

      origin = origin.chomp("/")
      path = context.registers[:page]["path"]
      place = ->(line) { "#{path}:#{@at + line + IommuPlayground.above(site, path)}" }
      begin
        want = wanted(text)
        figure = IommuPlayground.figures(site, settings).figure(want)
      rescue Wrong => e
        raise Jekyll::Errors::FatalException, "iommu-playground: #{place.call(e.line)}: #{e.message}"
      end
      (figure["warnings"] + figure["stopped"]).each do |warning|
        line = text.empty? ? 0 : warning["line"]
        Jekyll.logger.warn "iommu-playground:", "#{place.call(line)}: #{warning["message"]}"
      end
      element(figure, want, origin)
    end

    private

    def wanted(text)
      want = {}
      @words.each do |word|
        name, equals, value = word.partition("=")
        if equals.empty? && !want["preset"]
          want["preset"] = name.delete("\"'")
        elsif OPTIONS.include?(name) && !equals.empty?
          want[name] = value.delete_prefix('"').delete_suffix('"').delete_prefix("'").delete_suffix("'")
        else
          raise Wrong, "`#{word}` is no option: a preset's name, or one of #{OPTIONS.join(", ")} with ="
        end
      end
      body = text.delete("\r").sub(/\A\n/, "").sub(/\n*\z/, "\n")
      unless body.strip.empty?
        raise Wrong, "a preset (#{want["preset"]}) and a text: only one of them fits" if want["preset"]

        want["scenario"] = body
      end
      raise Wrong, "neither a preset's name nor a scenario's text" unless want["preset"] || want["scenario"]

      want
    end

    def element(figure, want, origin)
      said = want.merge("at" => want["at"] || "end").map { |name, value| " #{name}=\"#{escape(value)}\"" }.join
      alt = [figure["sentence"], figure["outcome"]].reject(&:empty?).join(" ")
      alt = figure["title"] if alt.empty?
      svg = [figure["svg"]].pack("m0")
      picture = "<img src=\"data:image/svg+xml;base64,#{svg}\" alt=\"#{escape(alt)}\">"
      there = figure["fragment"]
      picture = "<a href=\"#{escape("#{origin}/#{there}")}\">#{picture}</a>" if there
      "<div markdown=\"0\"><iommu-playground#{said}>#{picture}</iommu-playground>" \
        "<script defer src=\"#{escape("#{origin}/embed.js")}\"></script></div>"
    end

    # One line: what follows an empty line is Markdown again.
    def escape(text)
      text.gsub(/[&<>"'\n]/) { |c| "&##{c.ord};" }
    end
  end

  # A preset.
  class Preset < Liquid::Tag
    include Living
    def render(context)
      html(context, "")
    end
  end

  # A scenario of one's own, as it is written.
  class Scenario < Liquid::Raw
    include Living
    def initialize(name, words, tokens)
      super
    end

    def ensure_valid_markup(*); end

    def render(context)
      html(context, @body)
    end

    def render_to_output_buffer(context, output)
      output << html(context, @body)
    end
  end

  def self.figures(site, settings)
    @figures ||= Figures.new(settings["tool"] || "iommu-play", site.in_source_dir(".iommu-playground-cache"))
  end

  def self.close
    @figures&.close
    @figures = nil
  end

  # Lines of metadata above the text are not in it any more.
  def self.above(site, path)
    text = File.read(site.in_source_dir(path), encoding: "bom|utf-8")
    text[/\A---\s*\n.*?^(---|\.\.\.)\s*$\n?/m].to_s.count("\n")
  rescue SystemCallError
    0
  end

  # Looks where the links of a page to the playground lead: one that opens nothing ends the build.
  def self.check(page)
    settings = page.site.config["iommu_playground"] || {}
    return unless settings["origin"]

    ours = %r{#{Regexp.escape(settings["origin"].chomp("/"))}/(?:index(?:\.zh)?\.html)?#[^\s<>"'`)\]]+}
    path = page.relative_path.delete_prefix("/")
    outside(page.content).each do |number, line|
      place = "#{path}:#{number + above(page.site, path)}"
      line.scan(ours) do |address|
        name = address.length <= 80 ? address : "#{address[0, 60]}...#{address[-16..]}"
        figures(page.site, settings).link(address)["warnings"].each do |warning|
          Jekyll.logger.warn "iommu-playground:", "#{place}: #{name}: #{warning["message"]}"
        end
      rescue Wrong => e
        raise Jekyll::Errors::FatalException, "iommu-playground: #{place}: #{name}: #{e.message}"
      end
    end
  end

  # The lines of a text outside of its fences, with their numbers: what a fence shows is an example.
  def self.outside(text)
    fence = nil
    text.to_s.each_line.with_index(1).reject do |line, _|
      mark = line[/\A[ >]*(`{3,}|~{3,})/, 1]
      next fence || false unless mark

      if fence.nil?
        fence = mark
      elsif mark.start_with?(fence) && line.strip.delete_prefix(">").strip == mark
        fence = nil
      end
      true
    end.map { |line, number| [number, line] }
  end
end

Liquid::Template.register_tag("iommu_playground", IommuPlayground::Preset)
Liquid::Template.register_tag("iommu_scenario", IommuPlayground::Scenario)
Jekyll::Hooks.register(%i[pages documents], :pre_render) { |page| IommuPlayground.check(page) }
Jekyll::Hooks.register(:site, :post_write) { IommuPlayground.close }
